//! The program `watchword`; all of it is in the library of the same name.

use std::process::ExitCode;

// Built with its feature `no_thp`: a huge page for a few small allocations makes an idle server three times as large.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    watchword::cli::main()
}
