//! Memory that a forked child finds empty. What is kept in it is not this room's matter.

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::ptr;
use std::sync::atomic::AtomicU32;

/// A zero that becomes zero again in every forked child; `None` if the kernel has no such thing.
pub(crate) fn wiped_on_fork() -> Option<&'static AtomicU32> {
    // The kernel rounds up to a page.
    let length = size_of::<AtomicU32>();
    // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
    let page =
        unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) }
            .ok()?;
    // SAFETY: the page was mapped just now, and nobody else knows of it.
    if unsafe { madvise(page, length, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: as above; it is not used after this.
        let _ = unsafe { munmap(page, length) };
        return None;
    }
    // SAFETY: a page is aligned, zeroed and large enough, and this one stays mapped until the process ends. A child's
    // page is zeroed before the child runs.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}
