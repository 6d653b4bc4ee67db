//! Live heap bytes and their peak, counted by a wrapper around any global allocator.
//!
//! This module is the one exception, named in ARCHITECTURE.md, to "unsafe only in `kernels`": `GlobalAlloc` cannot be implemented
//! without `unsafe`. It only adds numbers and hands every call on unchanged.
//!
//! Counting is batched by thread, so that threads do not contend for one cache line: a thread publishes its balance once it
//! exceeds [`BATCH_BYTES`] either way. The totals are therefore exact to within `BATCH_BYTES` a live thread, and every
//! allocation of a tensor of 4,096 or more f32 counts at once.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

/// A thread's unpublished balance never exceeds this many bytes.
pub const BATCH_BYTES: i64 = 16 * 1024;

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
static IN_USE: AtomicBool = AtomicBool::new(false);

thread_local! {
    // `const` and without a destructor: touching it neither allocates nor registers anything, so an allocator may use it.
    static BALANCE: Cell<i64> = const { Cell::new(0) };
}

/// Counts what `A` hands out. Install with
/// `#[global_allocator] static HEAP: CountingAllocator<A> = CountingAllocator::new(A);`.
pub struct CountingAllocator<A>(A);

impl<A> CountingAllocator<A> {
    /// Counts for `inner`.
    pub const fn new(inner: A) -> Self {
        Self(inner)
    }
}

/// Bytes allocated and not yet freed; `None` where no [`CountingAllocator`] is installed.
pub fn live_bytes() -> Option<u64> {
    counted(&LIVE)
}

/// Most bytes live at once since [`reset_peak`]; `None` where no [`CountingAllocator`] is installed.
pub fn peak_bytes() -> Option<u64> {
    counted(&PEAK)
}

/// Starts a new peak from what is live now.
pub fn reset_peak() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

/// Gives mimalloc's free pages back to the system, so that the resident memory of a phase does not contain what the phase before it
/// freed. Without effect where another allocator is installed.
pub fn give_back_free_pages() {
    // SAFETY: `mi_collect` takes no pointer, may be called at any time and from any thread, and frees nothing that is in use.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

/// CPU seconds of this process so far, user and system, of all its threads, to the millisecond: `getrusage`, which mimalloc asks for us.
/// `None` on systems where it does not.
pub(crate) fn process_cpu_seconds() -> Option<f64> {
    let (mut user_ms, mut system_ms) = (0, 0);
    let unasked = std::ptr::null_mut();
    // SAFETY: `mi_process_info` writes to the pointers that are not null, two live `usize`, before it returns.
    unsafe {
        libmimalloc_sys::mi_process_info(
            unasked,
            &mut user_ms,
            &mut system_ms,
            unasked,
            unasked,
            unasked,
            unasked,
            unasked,
        );
    }
    cfg!(unix).then(|| (user_ms + system_ms) as f64 / 1e3)
}

fn counted(counter: &AtomicI64) -> Option<u64> {
    IN_USE
        .load(Relaxed)
        .then(|| counter.load(Relaxed).max(0) as u64)
}

#[inline]
fn add(bytes: i64) {
    BALANCE.with(|balance| {
        let sum = balance.get() + bytes;
        if sum.abs() < BATCH_BYTES {
            balance.set(sum);
        } else {
            balance.set(0);
            publish(sum);
        }
    });
}

#[cold]
fn publish(bytes: i64) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    if bytes > 0 {
        PEAK.fetch_max(live, Relaxed);
        if !IN_USE.load(Relaxed) {
            IN_USE.store(true, Relaxed);
        }
    }
}

// SAFETY: every call goes to `A`, itself a `GlobalAlloc`, with the caller's arguments unchanged; what is added around it neither
// allocates, nor unwinds, nor touches the memory handed out.
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `alloc`, which is `A`'s.
        let pointer = unsafe { self.0.alloc(layout) };
        if !pointer.is_null() {
            add(layout.size() as i64);
        }
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`. Handed on rather than defaulted, so that zero pages of the system stay untouched.
        let pointer = unsafe { self.0.alloc_zeroed(layout) };
        if !pointer.is_null() {
            add(layout.size() as i64);
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from this allocator with this layout, hence from `A` with it.
        unsafe { self.0.dealloc(pointer, layout) };
        add(-(layout.size() as i64));
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`; the caller guarantees that `new_size` is not zero and does not overflow.
        let moved = unsafe { self.0.realloc(pointer, layout, new_size) };
        if !moved.is_null() {
            add(new_size as i64 - layout.size() as i64);
        }
        moved
    }
}
