// Softmax cross-entropy over (N, K). shifted: scores minus their row's maximum; exps: exp of these; sums: (N,) of exps

// −log of the right class's probability, NaN for a label out of range. losses: (N,)
KERNEL void cross_entropy(const REAL* shifted, const REAL* sums, const int64* labels, INDEX K, REAL* losses, INDEX count) {
    for (EACH(n, count)) {
        int64 k = labels[n];
        losses[n] = k >= 0 && k < K ? log(sums[n]) - shifted[n * K + (INDEX)k] : (REAL)nan("");
    }
}

// dlogits = (exps / sums − onehot) / N
KERNEL void cross_entropy_backward(
    const REAL* exps, const REAL* sums, const int64* labels, INDEX N, INDEX K, REAL* dlogits, INDEX count
) {
    for (EACH(i, count)) {
        INDEX n = i / K;
        dlogits[i] = (exps[i] / sums[n] - (labels[n] == i - n * K)) / N;
    }
}
