//! The allocator of modules. A module lives long and its states grow slowly, so blocks that are free beside each other
//! become one again: memory is bounded by what is in use at once, whatever sizes it had before. Every operation
//! takes a fixed number of steps, but for the copying.
//!
//! Blocks lie one behind the other. Each begins with its size, in which the lowest bit says that it is free, and the
//! place of the block before it; a free one goes on with the next and the one before of its list. Lists hold blocks of
//! similar size: one for each multiple of 16 bytes below 128, then eight for each doubling. A block of size 0 ends the
//! memory. Places are offsets from a base, so that the same code is tested natively.

#![cfg_attr(not(any(test, target_arch = "wasm32")), allow(dead_code))]

/// Bytes in use, and where modules get memory from.
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::in_use;

/// Bytes that are allocated; natively nobody counts them.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn in_use() -> usize {
    0
}

const GRAIN: u32 = 16;
const HEADER: u32 = 8;
const FREE: u32 = 1;
const ROWS: usize = 26;
const COLUMNS: usize = 8;

/// Where a heap has its memory. Every offset that it is given is within.
pub(crate) trait Memory {
    fn get(&self, at: u32) -> u32;
    fn set(&mut self, at: u32, value: u32);
    /// Adds memory of that many bytes or more, and gives where it begins and ends; the end is a multiple of a grain.
    fn grow(&mut self, bytes: u32) -> Option<(u32, u32)>;
    fn copy(&mut self, from: u32, to: u32, length: u32);
}

pub(crate) struct Heap<M> {
    memory: M,
    /// The lists that have blocks: a bit for each row, and in it for each column.
    rows: u32,
    columns: [u8; ROWS],
    lists: [[u32; COLUMNS]; ROWS],
    /// Where the memory's last block stands, the one of size 0; 0 where there is no memory yet.
    end: u32,
    used: u32,
}

/// The list for blocks of that size.
fn list(size: u32) -> (usize, usize) {
    let grains = size / GRAIN;
    if grains < 8 {
        return (0, grains as usize);
    }
    let top = grains.ilog2();
    ((top - 2) as usize, (grains >> (top - 3) & 7) as usize)
}

/// The size of the block that holds that many bytes; `None` where there are none so large.
fn block_size(bytes: usize) -> Option<u32> {
    if bytes > 1 << 30 {
        return None;
    }
    Some((bytes as u32 + HEADER).next_multiple_of(GRAIN))
}

impl<M: Memory> Heap<M> {
    pub(crate) const fn new(memory: M) -> Self {
        Heap { memory, rows: 0, columns: [0; ROWS], lists: [[0; COLUMNS]; ROWS], end: 0, used: 0 }
    }

    fn size(&self, block: u32) -> u32 {
        self.memory.get(block) & !FREE
    }

    fn is_free(&self, block: u32) -> bool {
        self.memory.get(block) & FREE != 0
    }

    fn before(&self, block: u32) -> u32 {
        self.memory.get(block + 4)
    }

    /// Makes a block that is in use, or the last one where the size is 0.
    fn mark(&mut self, block: u32, size: u32, before: u32) {
        self.memory.set(block, size);
        self.memory.set(block + 4, before);
    }

    fn link(&mut self, block: u32) {
        let size = self.size(block);
        let (row, column) = list(size);
        let next = self.lists[row][column];
        self.memory.set(block, size | FREE);
        self.memory.set(block + 8, next);
        self.memory.set(block + 12, 0);
        if next != 0 {
            self.memory.set(next + 12, block);
        }
        self.lists[row][column] = block;
        self.rows |= 1 << row;
        self.columns[row] |= 1 << column;
    }

    fn unlink(&mut self, block: u32) {
        let size = self.size(block);
        let (next, previous) = (self.memory.get(block + 8), self.memory.get(block + 12));
        self.memory.set(block, size);
        if next != 0 {
            self.memory.set(next + 12, previous);
        }
        if previous != 0 {
            self.memory.set(previous + 8, next);
            return;
        }
        let (row, column) = list(size);
        self.lists[row][column] = next;
        if next == 0 {
            self.columns[row] &= !(1 << column);
            if self.columns[row] == 0 {
                self.rows &= !(1 << row);
            }
        }
    }

    /// A free block of that size or more; 0 where there is none.
    fn find(&self, size: u32) -> u32 {
        // Of the list that the size itself is in, some blocks may be too small: begin with the one behind.
        let grains = size / GRAIN;
        let round = if grains < 8 { 0 } else { (1 << (grains.ilog2() - 3)) - 1 };
        let (row, column) = list((grains + round) * GRAIN);
        if row >= ROWS {
            return 0;
        }
        let columns = self.columns[row] & (0xff_u8 << column);
        if columns != 0 {
            return self.lists[row][columns.trailing_zeros() as usize];
        }
        let rows = self.rows & (!0_u32 << row << 1);
        if rows == 0 {
            return 0;
        }
        let row = rows.trailing_zeros() as usize;
        self.lists[row][self.columns[row].trailing_zeros() as usize]
    }

    /// Frees a block that is in no list, and makes one of it and the free ones beside it.
    fn release(&mut self, mut block: u32) {
        let mut size = self.size(block);
        let behind = block + size;
        if self.is_free(behind) {
            self.unlink(behind);
            size += self.size(behind);
        }
        let mut before = self.before(block);
        if before != 0 && self.is_free(before) {
            self.unlink(before);
            size += self.size(before);
            block = before;
            before = self.before(block);
        }
        self.mark(block, size, before);
        self.memory.set(block + size + 4, block);
        self.link(block);
    }

    /// Makes two blocks of one that is in use, and frees the second one, which may be nothing.
    fn split(&mut self, block: u32, size: u32) {
        let rest = self.size(block) - size;
        if rest == 0 {
            return;
        }
        let second = block + size;
        self.memory.set(block, size);
        self.mark(second, rest, block);
        self.memory.set(second + rest + 4, second);
        self.release(second);
    }

    fn extend(&mut self, size: u32) -> Option<()> {
        let (begin, end) = self.memory.grow(size + GRAIN)?;
        let last = end - HEADER;
        let (block, before) = if self.end != 0 && self.end + HEADER == begin {
            // The block that ended the memory has some behind it now.
            (self.end, self.before(self.end))
        } else {
            ((begin + HEADER).next_multiple_of(GRAIN) - HEADER, 0)
        };
        self.mark(last, 0, block);
        self.mark(block, last - block, before);
        self.end = last;
        self.release(block);
        Some(())
    }

    /// Where that many bytes are; 0 where there is no memory for them.
    pub(crate) fn allocate(&mut self, bytes: usize, align: usize) -> u32 {
        // With room to move to an aligned place, which is never less than a block.
        let room = if align as u32 > GRAIN { align } else { 0 };
        let (Some(size), Some(wanted)) = (block_size(bytes), bytes.checked_add(room).and_then(block_size)) else {
            return 0;
        };
        let mut block = self.find(wanted);
        if block == 0 {
            if self.extend(wanted).is_none() {
                return 0;
            }
            block = self.find(wanted);
            if block == 0 {
                return 0;
            }
        }
        self.unlink(block);
        if room > 0 {
            let aligned = (block + HEADER).next_multiple_of(align as u32) - HEADER;
            if aligned != block {
                let whole = self.size(block);
                self.memory.set(block, aligned - block);
                self.mark(aligned, whole - (aligned - block), block);
                self.memory.set(block + whole + 4, aligned);
                self.release(block);
                block = aligned;
            }
        }
        self.split(block, size);
        self.used += size;
        block + HEADER
    }

    pub(crate) fn free(&mut self, at: u32) {
        let block = at - HEADER;
        self.used -= self.size(block);
        self.release(block);
    }

    /// Makes an allocation smaller or larger, and gives where it is now; 0 leaves it as it was. It stays where it is if
    /// there is room.
    pub(crate) fn resize(&mut self, at: u32, bytes: usize, align: usize) -> u32 {
        let Some(size) = block_size(bytes) else { return 0 };
        let block = at - HEADER;
        let had = self.size(block);
        let behind = block + had;
        if size > had && self.is_free(behind) && had + self.size(behind) >= size {
            self.unlink(behind);
            let both = had + self.size(behind);
            self.memory.set(block, both);
            self.memory.set(block + both + 4, block);
        }
        if size <= self.size(block) {
            self.split(block, size);
            self.used = self.used - had + size;
            return at;
        }
        let to = self.allocate(bytes, align);
        if to != 0 {
            self.memory.copy(at, to, had - HEADER);
            self.free(at);
        }
        to
    }
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use core::alloc::{GlobalAlloc, Layout};
    use core::arch::wasm32::{memory_grow, memory_size};
    use core::cell::UnsafeCell;

    use super::{Heap, Memory};

    const PAGE: usize = 1 << 16;

    /// The module's memory, from the end of its data on.
    struct Linear {
        begun: bool,
    }

    impl Memory for Linear {
        fn get(&self, at: u32) -> u32 {
            // The heap's own blocks, which are aligned.
            unsafe { *(at as *const u32) }
        }

        fn set(&mut self, at: u32, value: u32) {
            // As above.
            unsafe { *(at as *mut u32) = value }
        }

        fn grow(&mut self, bytes: u32) -> Option<(u32, u32)> {
            let end = memory_size(0) * PAGE;
            if !self.begun {
                self.begun = true;
                unsafe extern "C" {
                    static __heap_base: u8;
                }
                let base = (&raw const __heap_base) as usize;
                // What is left of the memory that the module begins with.
                if end > base && end - base > bytes as usize + 64 {
                    return Some((base as u32, end as u32));
                }
            }
            // A sixteenth more at least, as growing is no small thing for a host.
            let pages = (bytes as usize).max(end / 16).div_ceil(PAGE);
            if end + pages * PAGE > i32::MAX as usize || memory_grow(0, pages) == usize::MAX {
                return None;
            }
            Some((end as u32, (end + pages * PAGE) as u32))
        }

        fn copy(&mut self, from: u32, to: u32, length: u32) {
            // Both are blocks of at least that length, and apart.
            unsafe { core::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, length as usize) }
        }
    }

    struct Global(UnsafeCell<Heap<Linear>>);

    // A module has one thread.
    unsafe impl Sync for Global {}

    #[global_allocator]
    static HEAP: Global = Global(UnsafeCell::new(Heap::new(Linear { begun: false })));

    impl Global {
        #[allow(clippy::mut_from_ref)]
        fn heap(&self) -> &mut Heap<Linear> {
            // Nothing that a heap does allocates, so there is one reference at a time.
            unsafe { &mut *self.0.get() }
        }
    }

    pub(crate) fn in_use() -> usize {
        HEAP.heap().used as usize
    }

    unsafe impl GlobalAlloc for Global {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            self.heap().allocate(layout.size(), layout.align()) as *mut u8
        }

        unsafe fn dealloc(&self, at: *mut u8, _: Layout) {
            self.heap().free(at as u32);
        }

        unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            self.heap().resize(at as u32, size, layout.align()) as *mut u8
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::testing::Random;

    /// A memory that grows by pages of 4 KiB up to a bound, and now and then lets others have some.
    struct Test {
        words: Vec<u32>,
        most: usize,
        gap: u32,
    }

    impl Memory for Test {
        fn get(&self, at: u32) -> u32 {
            assert!(at % 4 == 0, "a word at {at}");
            self.words[at as usize / 4]
        }

        fn set(&mut self, at: u32, value: u32) {
            assert!(at % 4 == 0, "a word at {at}");
            self.words[at as usize / 4] = value;
        }

        fn grow(&mut self, bytes: u32) -> Option<(u32, u32)> {
            let begin = self.words.len() as u32 * 4 + self.gap;
            let end = begin + bytes.next_multiple_of(4096);
            if end as usize > self.most {
                return None;
            }
            self.words.resize(end as usize / 4, 0xdead_beef);
            Some((begin, end))
        }

        fn copy(&mut self, from: u32, to: u32, length: u32) {
            for at in (0..length).step_by(4) {
                let value = self.get(from + at);
                self.set(to + at, value);
            }
        }
    }

    struct Allocation {
        at: u32,
        bytes: usize,
        mark: u32,
    }

    fn fill(heap: &mut Heap<Test>, a: &Allocation) {
        for word in 0..a.bytes as u32 / 4 {
            heap.memory.set(a.at + word * 4, a.mark ^ word);
        }
    }

    fn check(heap: &Heap<Test>, a: &Allocation, bytes: usize) {
        for word in 0..bytes as u32 / 4 {
            assert_eq!(heap.memory.get(a.at + word * 4), a.mark ^ word, "word {word} of {bytes} bytes at {}", a.at);
        }
    }

    #[test]
    fn random_allocations_keep_what_they_hold() {
        Random::each("random_allocations_keep_what_they_hold", 100, |random| {
            let most = 1 << 20;
            let gap = if random.below(2) == 0 { 0 } else { 48 };
            let mut heap = Heap::new(Test { words: vec![0xdead_beef; 4], most, gap });
            let mut live: Vec<Allocation> = Vec::new();
            let largest = 1 << random.below(14);
            for mark in 0..2000 {
                let bytes = random.below(largest) as usize;
                match random.below(5) {
                    0 | 1 => {
                        let align = 1 << random.below(8);
                        let at = heap.allocate(bytes, align);
                        if at != 0 {
                            assert_eq!(at % (align as u32).max(GRAIN), 0, "the alignment of {at}");
                            let a = Allocation { at, bytes, mark };
                            fill(&mut heap, &a);
                            live.push(a);
                        }
                    }
                    2 if !live.is_empty() => {
                        let which = random.below(live.len() as u32) as usize;
                        let mut a = live.swap_remove(which);
                        let at = heap.resize(a.at, bytes, 16);
                        if at != 0 {
                            a.at = at;
                            check(&heap, &a, bytes.min(a.bytes));
                            a.bytes = bytes;
                            fill(&mut heap, &a);
                        }
                        live.push(a);
                    }
                    _ if !live.is_empty() => {
                        let a = live.swap_remove(random.below(live.len() as u32) as usize);
                        check(&heap, &a, a.bytes);
                        heap.free(a.at);
                    }
                    _ => {}
                }
            }
            for a in &live {
                check(&heap, a, a.bytes);
            }
            for a in live {
                heap.free(a.at);
            }
            assert_eq!(heap.used, 0);
        });
    }

    #[test]
    fn what_was_small_becomes_large_again() {
        let mut heap = Heap::new(Test { words: vec![0; 4], most: 1 << 18, gap: 0 });
        for size in [16, 24, 100, 1000, 5000, 20_000, 100_000] {
            let mut all = Vec::new();
            loop {
                let at = heap.allocate(size, 8);
                if at == 0 {
                    break;
                }
                all.push(at);
            }
            assert!(all.len() * size > (1 << 18) / 3, "only {} blocks of {size} bytes", all.len());
            all.into_iter().for_each(|at| heap.free(at));
        }
    }

    #[test]
    fn lists_are_ordered_by_size() {
        let mut before = list(GRAIN);
        for size in (GRAIN..1 << 22).step_by(GRAIN as usize) {
            let now = list(size);
            assert!(now >= before && now.0 < ROWS && now.1 < COLUMNS, "{size}: {now:?} behind {before:?}");
            before = now;
        }
        assert_eq!(list(1 << 31), (ROWS - 1, 0));
        assert_eq!(block_size((1 << 30) + 1), None);
    }
}
