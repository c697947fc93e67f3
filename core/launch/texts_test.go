package launch

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTextsKeepEveryByte(t *testing.T) {
	sent := launch{Args: texts{"./app", "", "caf\xe9", "a\nb", "\u2028<>&"}, Env: texts{"A=\xff"}, Ranks: []int{1}}
	var got launch
	if err := json.Unmarshal(jsonFrame(frameLaunch, sent).data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Error(diff)
	}
}
