//! The catalogue: creates, changes, resets and restocks sales, and shows them to everybody.

mod answer_once; // an organiser's request with a key happens once
mod changing; // how a change is carried through, read back and shown
mod checking; // checks an organiser's requests
mod creating; // creates sales
mod demo; // the demo sales
mod desk; // the desk itself
mod lines; // the ledger's lines for changes that are no purchase
mod patching; // the settings that an organiser may change
mod reading; // what everybody may see
mod resetting; // putting all stock back
mod restocking; // adding to the stock
mod seats; // the seats of new rows
mod wording; // what names and messages may be made of

pub use self::desk::Catalogue;
