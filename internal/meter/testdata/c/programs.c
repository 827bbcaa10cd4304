// What a C program does all day, for tests that run it as it is and instrumented.

#define EXPORT(name) __attribute__((export_name(#name)))

static unsigned long long state;

static unsigned long long next(void) {
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state >> 11;
}

static unsigned long long numbers[100000];

static void quick(unsigned long long *from, unsigned long long *to) {
	while (to - from > 1) {
		unsigned long long pivot = from[(to - from) / 2], *low = from, *high = to - 1;
		while (low <= high) {
			while (*low < pivot) low++;
			while (*high > pivot) high--;
			if (low <= high) {
				unsigned long long t = *low;
				*low++ = *high;
				*high-- = t;
			}
		}
		quick(from, high + 1);
		from = low;
	}
}

EXPORT(sort) long long sort(int n) {
	unsigned long long h = 0;
	state = 1;
	for (int i = 0; i < n; i++) numbers[i] = next();
	quick(numbers, numbers + n);
	for (int i = 0; i < n; i++) h = h * 31 + numbers[i];
	return h;
}

EXPORT(fibonacci) long long fibonacci(int n) {
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static int mul(int a, int b) { return a * b; }
static int (*const operations[])(int, int) = {add, sub, mul};

EXPORT(closures) long long closures(int n) {
	int x = 1;
	for (int i = 0; i < n; i++) x = operations[(unsigned)x % 3](x, i);
	return x;
}

EXPORT(choose) long long choose(int n) {
	long long h = 0;
	for (int i = 0; i < n; i++) {
		switch (i % 11) {
		case 0: h += 3; break;
		case 1: h ^= i; // goes on
		case 2: h *= 7; break;
		case 3: case 4: h -= i; break;
		case 7: if (h & 1) continue; h /= 2; break;
		default: h += i; break;
		}
		h ^= h << 1;
	}
	return h;
}
