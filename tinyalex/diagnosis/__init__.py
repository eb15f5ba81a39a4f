"""Why a network does not learn: what its log, its data and short trials say, each cause by a small function."""
