//! Exports the program's own `send` and `recv`, so that libchrony uses them instead of the C library's.

fn main() {
    for function in ["send", "recv"] {
        println!("cargo::rustc-link-arg-bins=-Wl,--export-dynamic-symbol={function}");
    }
}
