//! Log lines on standard error: text on a terminal, JSON elsewhere. In JSON no logged text can pass for a line of its
//! own. A panic becomes a log line too.

use std::{backtrace::Backtrace, io::IsTerminal, panic::PanicHookInfo};

use tracing_subscriber::EnvFilter;

use crate::server::config::LogFormat;

/// Starts logging. `directives` say what is logged, such as `info` or `onsale::server::engine=debug,info`. To be called
/// once. The error is one line that says what could not be understood.
pub fn install(directives: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(directives).map_err(|error| format!("log filter {directives:?}: {error}"))?;
    let on_a_terminal = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let as_text = match format {
        LogFormat::Auto => on_a_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let installed = if as_text {
        logs.with_ansi(on_a_terminal).try_init()
    } else {
        logs.json().flatten_event(true).with_current_span(false).try_init()
    };
    installed.map_err(|error| format!("logging cannot start: {error}"))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs a panic, which is always a fault of this program: with its place, and with its stack if `RUST_BACKTRACE` asks
/// for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        thread = std::thread::current().name().unwrap_or("unnamed"),
        place = panic.location().map(ToString::to_string),
        stack = %Backtrace::capture(),
        "panic: {}",
        message.unwrap_or("without a message"),
    );
}

/// Everything that `task` logs on this thread, as text.
#[cfg(test)]
pub fn recorded(task: impl FnOnce()) -> String {
    let written = std::sync::Arc::new(parking_lot::Mutex::new(Vec::<u8>::new()));
    let writer = Written(written.clone());
    let logs = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(logs, task);
    let bytes = written.lock().clone();
    String::from_utf8(bytes).expect("log lines are text")
}

#[cfg(test)]
#[derive(Clone)]
struct Written(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

#[cfg(test)]
impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
