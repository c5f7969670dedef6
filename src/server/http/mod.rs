//! Routes, problem documents, the listener.
