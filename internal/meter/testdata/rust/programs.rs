// What a Rust program does all day, for tests that run it as it is and instrumented.

use std::collections::{BTreeMap, HashMap};

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *state >> 11
}

#[no_mangle]
pub extern "C" fn sort(n: i32) -> i64 {
    let mut state = 1;
    let mut v: Vec<u64> = (0..n).map(|_| next(&mut state)).collect();
    v.sort();
    v.iter().fold(0u64, |h, x| h.wrapping_mul(31).wrapping_add(*x)) as i64
}

#[no_mangle]
pub extern "C" fn fibonacci(n: i32) -> i64 {
    if n < 2 {
        return n as i64;
    }
    fibonacci(n - 1) + fibonacci(n - 2)
}

#[no_mangle]
pub extern "C" fn texts(n: i32) -> i64 {
    let mut state = 7;
    let mut words: HashMap<String, usize> = HashMap::new();
    for _ in 0..n {
        *words.entry(format!("{:x}", next(&mut state) % 1000)).or_default() += 1;
    }
    let sorted: BTreeMap<_, _> = words.into_iter().collect();
    sorted.iter().fold(0i64, |h, (k, v)| h.wrapping_mul(31).wrapping_add((k.len() * v) as i64))
}

#[no_mangle]
pub extern "C" fn multiply(n: i32) -> i64 {
    let n = n as usize;
    let a: Vec<f64> = (0..n * n).map(|i| i as f64 * 0.5).collect();
    let mut c = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            c[i * n + j] = (0..n).map(|k| a[i * n + k] * a[k * n + j]).sum::<f64>();
        }
    }
    c.iter().sum::<f64>() as i64
}

// Calls through a table: boxed closures.
#[no_mangle]
pub extern "C" fn closures(n: i32) -> i64 {
    let all: Vec<Box<dyn Fn(i64) -> i64>> = (0..8)
        .map(|k| -> Box<dyn Fn(i64) -> i64> {
            match k % 3 {
                0 => Box::new(move |x| x.wrapping_mul(k + 3)),
                1 => Box::new(move |x| x ^ (k << 7)),
                _ => Box::new(|x| x.rotate_left(5)),
            }
        })
        .collect();
    (0..n).fold(1, |x, i| all[i as usize % all.len()](x).wrapping_add(1))
}
