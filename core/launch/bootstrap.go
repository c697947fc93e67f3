package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// loginCommand is what ssh is told to run on another machine. The login shell there may be any (sh, csh, fish): all of
// them take these words alike. The rest comes through standard input, where nothing needs to be quoted, nobody on that
// machine sees it in a list of processes, and its length has no limit.
const loginCommand = `exec /bin/sh -c 'IFS= read -r script && eval "$script"'`

// Lines with which the script, then the agent, speaks up among whatever the login shell's start files print.
const (
	markSend  = "jia-agent: send the program"
	markReady = "jia-agent: frames follow"
)

// script finds the program on the other machine, or asks for it, and executes it as an agent. It reads from standard input, a
// line each: the program's SHA-256, its length, its path here, the name of its file, the working directory here. A copy is
// complete and right whenever it has its name, since it gets that last. The newest five stay; the folder's time is that of the
// last use. The shell's own messages are the user's explanation when a command fails: ssh passes them on.
//
// The lines are joined by spaces, hence the semicolons.
const script = `
umask 077;
IFS= read -r sum && IFS= read -r size && IFS= read -r path && IFS= read -r name && IFS= read -r dir || exit 1;
equal() { found=$(sha256sum <"$1") && [ "${found%% *}" = "$sum" ]; };
same() { [ -x "$1" ] && [ -f "$1" ] && equal "$1"; };
command -v sha256sum >/dev/null || { echo "sha256sum is not there: install coreutils" >&2; exit 1; };
cache=${XDG_CACHE_HOME:-${HOME:?is not set on this machine, so there is no place for a copy of the program}/.cache}/jiajia;
copy=$cache/$sum/$name;
if same "$path"; then
  run=$path;
elif same "$copy"; then
  run=$copy;
  touch -c "$cache/$sum" || :;
else
  printf "\n%s\n" "` + markSend + `";
  mkdir -p "$cache/$sum" && part=$(mktemp "$cache/$sum/.part.XXXXXX") || exit 1;
  trap "rm -f \"\$part\"" EXIT;
  head -c "$size" >"$part" && chmod 700 "$part" || exit 1;
  equal "$part" || { echo "the copy of the program arrived damaged" >&2; exit 1; };
  [ -x "$part" ] || { echo "programs in $cache cannot be run, which its file system forbids (noexec): set XDG_CACHE_HOME there" >&2; exit 1; };
  mv -f "$part" "$copy" || exit 1;
  trap - EXIT;
  run=$copy;
  touch -c "$cache/$sum" || :;
  (kept=0; cd "$cache" && ls -t | while IFS= read -r old; do
    [ ${#old} -eq 64 ] || continue;
    kept=$((kept + 1));
    [ "$kept" -le 5 ] || rm -rf "./$old";
  done) || :;
fi;
cd "$dir" 2>/dev/null || cd "${run%/*}" || exit 1;
` + EnvAgent + `=1;
export ` + EnvAgent + `;
exec "$run"
`

// scriptLine returns the script as the one line that loginCommand reads.
func scriptLine() string {
	var words []string
	for _, line := range strings.Split(script, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ") + "\n"
}

// A parcel is the program as other machines may need it: this very binary, even if its file was replaced since.
type parcel struct {
	path string
	dir  string // working directory
	open func() (*os.File, int64, string, error)
}

// newParcel begins to compute the program's hash, once for all machines, while they are being reached.
func newParcel(dir string) *parcel {
	p := &parcel{path: program(), dir: dir}
	var (
		once sync.Once
		file *os.File
		size int64
		sum  string
		err  error
	)
	p.open = func() (*os.File, int64, string, error) {
		once.Do(func() { file, size, sum, err = digest() })
		return file, size, sum, err
	}
	go func() { _, _, _, _ = p.open() }() // whoever needs it hears of the error
	return p
}

// digest opens the running binary and returns its length in bytes and its SHA-256 in hexadecimal.
func digest() (file *os.File, size int64, sum string, err error) {
	if file, err = os.Open("/proc/self/exe"); err != nil {
		return nil, 0, "", fmt.Errorf("read the program: %w", err)
	}
	hash := sha256.New()
	if size, err = io.Copy(hash, file); err != nil {
		return nil, 0, "", fmt.Errorf("read the program: %w", err)
	}
	return file, size, hex.EncodeToString(hash.Sum(nil)), nil
}

// introduction returns all that the script reads before it may ask for the program. It blocks until the hash is known.
func (p *parcel) introduction() ([]byte, error) {
	_, size, sum, err := p.open()
	if err != nil {
		return nil, err
	}
	name := filepath.Base(p.path)
	if strings.ContainsAny(name, "\n") || strings.HasPrefix(name, ".") || p.path == "/proc/self/exe" {
		name = "program"
	}
	text := scriptLine()
	for _, line := range []string{sum, strconv.FormatInt(size, 10), oneLineOrNone(p.path), name, oneLineOrNone(p.dir)} {
		text += line + "\n"
	}
	return []byte(text), nil
}

// oneLineOrNone returns a path that the script can read, or one that does not exist anywhere.
func oneLineOrNone(path string) string {
	if strings.Contains(path, "\n") || path == "/proc/self/exe" {
		return "/nonexistent"
	}
	return path
}

// content returns the program's bytes. Only after introduction.
func (p *parcel) content() io.Reader {
	file, size, _, err := p.open()
	if err != nil {
		return strings.NewReader("")
	}
	return io.NewSectionReader(file, 0, size)
}
