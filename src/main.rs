//! The server's program. Everything is in the library, so that tests and benches can reach it.

fn main() -> std::process::ExitCode {
    onsale::server::cli::run()
}
