//! Random choices for tests, which a seed repeats.

use std::env;
use std::eprintln;
use std::panic;
use std::string::String;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) struct Random(u64);

impl Random {
    /// Runs a test as often as that, with another seed each time, or once with that of NACRE_SEED. The seed of one that
    /// fails is printed, and the command that repeats it.
    pub(crate) fn each(name: &str, times: u64, test: impl Fn(&mut Random) + panic::RefUnwindSafe) {
        let given = env::var("NACRE_SEED").ok().map(|seed| seed.parse().expect("NACRE_SEED is no number"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
        let seeds = match given {
            Some(seed) => seed..seed + 1,
            None => now..now + times,
        };
        for seed in seeds {
            if let Err(failure) = panic::catch_unwind(|| test(&mut Random(seed))) {
                eprintln!("seed {seed}; again: NACRE_SEED={seed} cargo test {name}");
                panic::resume_unwind(failure);
            }
        }
    }

    fn next(&mut self) -> u64 {
        // SplitMix64: any seed will do.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the bound; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (self.next() % u64::from(bound.max(1))) as u32
    }

    pub(crate) fn bits(&mut self) -> u64 {
        let bits = self.below(65);
        self.next().checked_shr(bits).unwrap_or(0)
    }

    pub(crate) fn text(&mut self) -> String {
        const SOME: [char; 14] =
            ['a', 'Z', '0', '"', '\\', '/', '\u{0}', '\u{1f}', '\n', '\u{7f}', 'é', '€', '\u{2028}', '😀'];
        (0..self.below(9)).map(|_| SOME[self.below(SOME.len() as u32) as usize]).collect()
    }
}
