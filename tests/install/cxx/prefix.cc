// prefix - sums of the beginnings of a sequence, each host's part in its own memory, in C++17.
//
//   JIA_NPROC=4 ./prefix
#include <cstddef>
#include <iostream>
#include <new>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include <jia.h>

namespace {

// Constructed before main, in the supervisor's copy never.
const std::vector<long> sequence = [] {
	std::vector<long> v(1000);
	std::iota(v.begin(), v.end(), 1L);
	return v;
}();

template <typename T> class shared_array {
public:
	explicit shared_array(std::size_t n) : data_(reinterpret_cast<T *>(jia_alloc(n * sizeof(T)))) {}
	T &operator[](std::size_t i) const { return data_[i]; }

private:
	T *data_;
};

class scope {
public:
	explicit scope(int lock) : lock_(lock) { jia_lock(lock_); }
	~scope() { jia_unlock(lock_); }
	scope(const scope &) = delete;
	scope &operator=(const scope &) = delete;

private:
	int lock_;
};

std::pair<std::size_t, std::size_t> part(std::size_t n)
{
	const std::size_t host = static_cast<std::size_t>(jiapid), hosts = static_cast<std::size_t>(jiahosts);
	return {n * host / hosts, n * (host + 1) / hosts};
}

} // namespace

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	const shared_array<long> sums(sequence.size());
	const shared_array<long> total(1);
	const auto [begin, end] = part(sequence.size());

	long sum = std::accumulate(sequence.begin(), sequence.begin() + static_cast<std::ptrdiff_t>(begin), 0L);
	const long before = sum;
	for (std::size_t i = begin; i < end; i++)
		sums[i] = sum += sequence[i];
	{
		const scope guard(1);
		total[0] += sum - before;
	}
	jia_barrier();
	for (std::size_t i = 0; i < sequence.size(); i++)
		if (const long n = static_cast<long>(i) + 1; sums[i] != n * (n + 1) / 2)
			jia_error("sum %ld is %ld", n, sums[i]);
	if (total[0] != sums[sequence.size() - 1])
		jia_error("the total is %ld", total[0]);
	jia_barrier();
	if (constexpr std::string_view name = "prefix"; jiapid == 0)
		std::cout << name << ": ok on " << jiahosts << " hosts" << std::endl;
	jia_exit();
	return 0;
}
