package budget

// Buckets returns the number of token buckets.
func Buckets(b *Budget) int { return len(b.rates.buckets) }
