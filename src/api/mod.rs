//! Server functions, under /rpc.
