//! A stack that begins behind finished planes.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod rows;

use phoenix_kernels::ifu::{Resample, Slab, Stack, StackStats};
use phoenix_kernels::{Hooks, Numerics};
use rows::{automatic, bits, exposure, options, view};

#[test]
fn a_run_from_any_plane_gives_the_planes_and_statistics_of_a_whole_run() {
    let tables = [exposure(8, 0.0, 1.0), exposure(9, -0.4, 1.0)];
    let exposures = [view(&tables[0]), view(&tables[1])];
    for numerics in [Numerics::Eso, Numerics::Phoenix] {
        let plan = || {
            Stack::plan(
                &exposures,
                &automatic(),
                &options(numerics, Resample::Drizzle),
                &Hooks::none(),
            )
        };
        let (mut whole, mut after) = (Vec::new(), Vec::new());
        let mut take = |slab: &Slab<'_>| {
            whole.push(bits(slab.data.as_slice().unwrap()));
            after.push(slab.stats);
            Ok(())
        };
        let stack = plan().unwrap().with_window_planes(1);
        let stats = stack.run(&mut take, &Hooks::none()).unwrap();
        assert_eq!(after.last(), Some(&stats));
        for first in [1, 3, whole.len() - 1] {
            let mut rest = Vec::new();
            let mut take = |slab: &Slab<'_>| {
                assert_eq!(slab.first_plane, first + rest.len() / whole[0].len());
                rest.extend(bits(slab.data.as_slice().unwrap()));
                Ok(())
            };
            let stack = plan().unwrap().with_window_planes(3);
            let earlier = StackStats::from_array(after[first - 1].to_array());
            let found = stack.run_from(first, earlier, &mut take, &Hooks::none()).unwrap();
            assert_eq!(found, stats, "{numerics:?} {first}");
            assert!(rest == whole[first..].concat(), "{numerics:?} {first}");
        }
    }
}
