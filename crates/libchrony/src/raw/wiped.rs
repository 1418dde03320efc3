//! Memory that a fork clears in the child.

use libchrony_sys::types as c;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::AtomicU32;

/// The number of an advice that no kernel knows.
const NO_ADVICE: c::Int = c::Int::MAX;

/// Returns an integer, 0 at first, that a fork resets to 0 in the child. `None` if the kernel does not support that.
pub(crate) fn wiped_on_fork() -> Option<&'static AtomicU32> {
    // SAFETY: the caller passes a new page, which is still empty.
    wiped_by(|page, length, advice| unsafe { libc::madvise(page, length, advice) } == 0)
}

/// Returns the integer if `advise` accepts the advice. Some emulators and sandboxes accept any advice and ignore it, so
/// an unknown one is tried first.
fn wiped_by(advise: impl Fn(*mut c_void, usize, c::Int) -> bool) -> Option<&'static AtomicU32> {
    // The kernel rounds up to a page.
    let length = size_of::<AtomicU32>();
    // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
    let page =
        unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }
            .ok()?;
    if advise(page, length, NO_ADVICE) || !advise(page, length, libc::MADV_WIPEONFORK) {
        // SAFETY: the page was mapped just now, and is not used after this.
        let _ = unsafe { munmap(page, length) };
        return None;
    }
    // SAFETY: the page is aligned, zeroed and large enough, and stays mapped until the process ends. A child's page is
    // zeroed before the child runs.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_accepts_any_advice_is_not_trusted() {
        assert!(wiped_by(|_, _, advice| advice == libc::MADV_WIPEONFORK).is_some());
        assert!(wiped_by(|_, _, _| true).is_none());
        assert!(wiped_by(|_, _, _| false).is_none());
    }
}
