//! Work that costs much and decides nothing, such as audits and pages: bounded, shared where several ask for the same,
//! and ended when nobody waits for it any more.

mod runs; // work that is shared by those who wait for it
mod slots; // threads of its own, and a bounded number of pieces at once

pub use self::{
    runs::{Begun, Runs},
    slots::Background,
};
