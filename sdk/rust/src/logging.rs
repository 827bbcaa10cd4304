use crate::json::{ToJson, Writer};

/// How much a record matters. [`log!`](crate::log) is the short way to write one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug = -4,
    /// What happens.
    Info = 0,
    /// What should be looked at.
    Warn = 4,
    /// What went wrong.
    Error = 8,
}

impl Level {
    /// Logs a message with fields. Natively it goes to standard error.
    pub fn log(self, message: &str, fields: &[(&str, &dyn ToJson)]) {
        let mut w = Writer::new();
        w.begin_object();
        w.name("message");
        w.string(message);
        for (name, value) in fields {
            w.member(name, *value);
        }
        w.end_object();
        send(self, w.into_string().as_bytes());
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn send(level: Level, record: &[u8]) {
    #[link(wasm_import_module = "nacre")]
    unsafe extern "C" {
        #[link_name = "log"]
        fn nacre_log(level: i32, at: *const u8, length: usize);
    }
    // The host only reads the record.
    unsafe { nacre_log(level as i32, record.as_ptr(), record.len()) }
}

#[cfg(not(target_arch = "wasm32"))]
fn send(level: Level, record: &[u8]) {
    std::eprintln!("{level:?} {}", alloc::string::String::from_utf8_lossy(record));
}
