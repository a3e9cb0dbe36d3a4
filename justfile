# One word per duty.

# What a contributor runs before a commit.
check:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test --workspace

# The gate, the long work, the ratios.
gate:
    .ci/run
nightly:
    .ci/nightly
bench:
    .ci/bench

# The book.
book:
    mdbook build docs
