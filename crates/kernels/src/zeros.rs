//! Large buffers of zeros of which few pages are ever written to: the moments of an embedding table's gradient, whose rows are mostly of
//! words that do not occur.
//!
//! Linux maps a page of anonymous memory when it is first written to, and reads zeros there until then. So the pages of such a buffer are
//! given back before its first use, and whoever goes over it leaves alone what is zero. Huge pages, which allocators ask for, would be
//! filled by the first row in each: the buffer does without.

/// Values of a page, and of the blocks that are looked at as one.
pub const BLOCK: usize = 1024;

/// Buffers of fewer values are filled.
const LEAST: usize = 256 * BLOCK;

/// `len` zeros that take no memory until they are written to, where the system can do that.
pub fn zeros(len: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    if len >= LEAST && give_back_pages(&mut values) {
        let given = values.spare_capacity_mut();
        let (start, length) = whole_pages(given.as_ptr().addr(), len);
        given[..start].fill(std::mem::MaybeUninit::new(0.0));
        given[start + length..len].fill(std::mem::MaybeUninit::new(0.0));
        // SAFETY: the capacity is at least `len`; what lies before and behind the whole pages was written, and these read as zeros.
        unsafe { values.set_len(len) };
    } else {
        values.resize(len, 0.0);
    }
    values
}

/// Whether all values of a block are +0.
#[inline(always)]
pub(crate) fn is_zero(values: &[f32]) -> bool {
    values.first().is_none_or(|first| first.to_bits() == 0)
        && values.iter().fold(0, |bits, value| bits | value.to_bits()) == 0
}

/// Blocks of `values` that are all zero.
pub fn zero_blocks(values: &[f32]) -> usize {
    values.chunks(BLOCK).filter(|block| is_zero(block)).count()
}

/// First value and number of the values in whole pages, of `len` values from `address` on.
#[cfg(target_os = "linux")]
fn whole_pages(address: usize, len: usize) -> (usize, usize) {
    // SAFETY: `sysconf` reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let (first, last) = (
        address.next_multiple_of(page),
        (address + 4 * len) / page * page,
    );
    ((first - address) / 4, (last - first) / 4)
}

/// Gives the whole pages of a vector's capacity back to the system; false where it does not take them.
#[cfg(target_os = "linux")]
fn give_back_pages(values: &mut Vec<f32>) -> bool {
    let capacity = values.spare_capacity_mut();
    let (start, length) = whole_pages(capacity.as_ptr().addr(), capacity.len());
    let pages = &mut capacity[start..start + length];
    let (start, bytes) = (pages.as_mut_ptr().cast(), 4 * length);
    // SAFETY: the pages lie within the vector's own allocation, which holds no value yet. They are private and anonymous, as allocators get
    // them: such pages read as zeros afterwards. A system without huge pages refuses the first advice, which changes nothing.
    unsafe {
        libc::madvise(start, bytes, libc::MADV_NOHUGEPAGE);
        libc::madvise(start, bytes, libc::MADV_DONTNEED) == 0
    }
}

#[cfg(not(target_os = "linux"))]
fn whole_pages(_: usize, len: usize) -> (usize, usize) {
    (len, 0)
}

#[cfg(not(target_os = "linux"))]
fn give_back_pages(_: &mut Vec<f32>) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_zero_whatever_stood_in_its_memory() {
        for len in [0, 7, LEAST - 1, LEAST, 3 * LEAST + 17] {
            for _ in 0..3 {
                let mut values = zeros(len);
                assert_eq!(values.len(), len);
                assert!(values.iter().all(|value| value.to_bits() == 0), "{len}");
                values.fill(-3.5); // the next one may get the same memory
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_not_written_to_takes_no_memory() {
        let resident = || {
            let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
            let pages: usize = pages
                .split(' ')
                .nth(1)
                .expect("the second number")
                .parse()
                .expect("a number");
            pages * 4096
        };
        let before = resident();
        let mut values = zeros(64 << 20); // 256 MiB
        values[5 << 20] = 1.0;
        assert!(zero_blocks(&values) == (64 << 10) - 1);
        let more = resident().saturating_sub(before);
        assert!(more < 64 << 20, "{more} bytes of 268,435,456 are resident");
    }

    #[test]
    fn a_negative_zero_is_none() {
        assert!(is_zero(&[0.0; 5]) && is_zero(&[]));
        assert!(!is_zero(&[0.0, -0.0]) && !is_zero(&[0.0, 0.0, f32::NAN]));
    }
}
