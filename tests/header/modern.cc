// The header in C++17: C linkage, and nothing that C++ rejects.
#include "jia.h"

#include <type_traits>

static_assert(std::is_same_v<decltype(jia_clock()), double>);
static_assert(std::is_same_v<decltype(jiapid), int>);

namespace {

// A scope that ends with the block, as C++ programs like it.
class Scope {
public:
	explicit Scope(int lock) : lock_(lock) { jia_lock(lock_); }
	~Scope() { jia_unlock(lock_); }
	Scope(const Scope &) = delete;
	Scope &operator=(const Scope &) = delete;

private:
	int lock_;
};

struct Global {
	LOCKDEC(lock)
	GSDEC(loop)
	long sum;
};

} // namespace

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	auto *global = reinterpret_cast<Global *>(jia_alloc(sizeof(Global)));
	if (jiapid == 0) {
		LOCKINIT(global->lock);
		GSINIT(global->loop);
	}
	BARRIER(all, jiahosts);
	for (;;) {
		int i;
		GETSUB(global->loop, i, 99, jiahosts);
		if (i < 0)
			break;
		Scope scope(global->lock);
		global->sum += i;
	}
	const double mine = jiapid + 0.5;
	double all = 0;
	jia_reduce(&mine, &all, 1, SUM_DOUBLE, 0);
	jia_send(&mine, sizeof mine, jiapid, 0);
	if (jia_recv(&all, sizeof all, jiapid, 0) != static_cast<long>(sizeof all) || !(all == mine))
		jia_error("a message to oneself");
	if (global->sum != 4950)
		jia_error("the sum is %ld", global->sum);
	jia_exit();
}
