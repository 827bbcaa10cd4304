//! What a module exports is made of this.

use alloc::vec::Vec;
use core::cell::RefCell;

use crate::aggregate::Aggregate;
use crate::guest::Guest;

/// A request's memory beyond this size is given back when a small request comes.
const LARGE: usize = 1 << 20;

/// The guest of a module, and the place where its requests stand.
pub struct Instance<A: Aggregate> {
    guest: RefCell<Guest<A>>,
    request: RefCell<Vec<u8>>,
}

// A module has one thread.
unsafe impl<A: Aggregate> Sync for Instance<A> {}

impl<A: Aggregate> Instance<A> {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Instance { guest: RefCell::new(Guest::new()), request: RefCell::new(Vec::new()) }
    }

    pub fn alloc(&self, size: u32) -> u32 {
        let mut request = self.request.borrow_mut();
        let size = size as usize;
        if size > request.capacity() || (request.capacity() > LARGE && size < LARGE / 4) {
            *request = Vec::with_capacity(size.max(1024));
        }
        request.as_mut_ptr() as u32
    }

    pub fn describe(&self) -> u64 {
        begin();
        place(self.guest.borrow_mut().describe())
    }

    pub fn decide(&self, at: u32, length: u32) -> u64 {
        begin();
        // The host gives the place of a request that it wrote.
        let request = unsafe { core::slice::from_raw_parts(at as *const u8, length as usize) };
        place(self.guest.borrow_mut().decide(request))
    }

    pub fn evolve(&self, at: u32, length: u32) -> u64 {
        begin();
        // As in decide.
        let request = unsafe { core::slice::from_raw_parts(at as *const u8, length as usize) };
        place(self.guest.borrow_mut().evolve(request))
    }
}

fn place(reply: &[u8]) -> u64 {
    (reply.as_ptr() as u64) << 32 | reply.len() as u64
}

#[cfg(feature = "std")]
fn begin() {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| std::panic::set_hook(std::boxed::Box::new(|info| last_words(info))));
}

#[cfg(not(feature = "std"))]
fn begin() {}

#[cfg(not(feature = "std"))]
#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    last_words(info);
    core::arch::wasm32::unreachable()
}

/// Logs a panic, without allocating: memory may be what has run out.
fn last_words(info: &dyn core::fmt::Display) {
    use core::fmt::Write;

    let mut words = Words { text: [0; 1024], length: 0 };
    // What does not fit is cut off.
    let _ = write!(words, "{info}");
    crate::logging::send(crate::Level::Error, &words.text[..words.length]);
}

struct Words {
    text: [u8; 1024],
    length: usize,
}

impl core::fmt::Write for Words {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let mut fits = text.len().min(self.text.len() - self.length);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.text[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits < text.len() {
            return Err(core::fmt::Error);
        }
        Ok(())
    }
}
