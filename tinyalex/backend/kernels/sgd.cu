// v = momentum · v − decay · w − rate · g;  w = w + v, both in place. All of one shape
KERNEL void sgd(const REAL* g, REAL* v, REAL* w, REAL momentum, REAL decay, REAL rate, INDEX count) {
    for (EACH(i, count)) {
        v[i] = momentum * v[i] - decay * w[i] - rate * g[i];
        w[i] += v[i];
    }
}
