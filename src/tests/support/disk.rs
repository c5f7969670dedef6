//! What a disk may hold after a loss of power in the middle of a recording.
//!
//! A file holds everything that was written before its last finished flush. Any part of later writes may be there as
//! well, down to single sectors. The file may have its old length, or be longer with nothing in the added part. A new
//! or removed name is certain only after the folder was flushed. Bytes that nobody has written keep their value, which
//! SQLite relies on too (`SQLITE_POWERSAFE_OVERWRITE`).

use std::{collections::BTreeMap, ops::Range, path::Path};

use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::recording::{Call, FOLDER, Kind, Moment};

/// How many bytes a disk writes as a whole or not at all: old disks, and today's.
const SECTORS: [usize; 2] = [512, 4096];

/// A disk at a moment of a recording.
pub struct Disk<'r> {
    /// All calls, by the moment from which they have an effect: a write from its beginning, a flush from its end.
    calls: Vec<(Moment, &'r Call)>,
    next: usize,
    files: Vec<File<'r>>,
    /// The file that each name means now, and the file that it certainly means after a loss of power.
    names: BTreeMap<&'static str, usize>,
    durable_names: BTreeMap<&'static str, usize>,
    /// Names that were made and removed since the folder was last flushed, in order.
    renamed: Vec<(Moment, &'static str, Option<usize>)>,
}

#[derive(Default)]
struct File<'r> {
    durable: Vec<u8>,
    unflushed: Vec<&'r Call>,
}

/// How much of a file's unflushed calls is left after a loss of power.
#[derive(Clone, Copy)]
enum Left {
    Nothing,
    Everything,
    /// Each write is there as a whole or not at all.
    Writes,
    /// Each sector of this size is there as a whole or not at all.
    Sectors(usize),
}

/// The files of an image, by their names.
pub type Image = BTreeMap<&'static str, Vec<u8>>;

impl<'r> Disk<'r> {
    /// The disk before the first of these calls.
    pub fn new(calls: impl IntoIterator<Item = &'r Call>) -> Self {
        let moment = |call: &Call| if call.is_flush() { call.ended } else { call.began };
        let mut calls: Vec<_> = calls.into_iter().map(|call| (moment(call), call)).collect();
        calls.sort_by_key(|(moment, _)| *moment);
        Self {
            calls,
            next: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renamed: Vec::new(),
        }
    }

    /// Replays the calls up to a later moment.
    pub fn advance(&mut self, to: Moment) {
        while let Some((moment, call)) = self.calls.get(self.next)
            && *moment <= to
        {
            self.next += 1;
            self.take(call);
        }
    }

    fn take(&mut self, call: &'r Call) {
        match call.kind {
            Kind::Create if !self.names.contains_key(call.file) => {
                self.files.push(File::default());
                self.names.insert(call.file, self.files.len() - 1);
                self.renamed.push((call.began, call.file, Some(self.files.len() - 1)));
            }
            Kind::Create => {}
            Kind::Remove => {
                self.names.remove(call.file);
                self.renamed.push((call.began, call.file, None));
            }
            Kind::Flush if call.file == FOLDER => {
                let is_before = |renamed: &(Moment, _, _)| renamed.0 < call.began;
                let (flushed, later) = self.renamed.drain(..).partition(is_before);
                self.renamed = later;
                rename(&mut self.durable_names, flushed);
            }
            Kind::Flush | Kind::Write { .. } | Kind::Cut { .. } => {
                if let Some(file) = self.names.get(call.file) {
                    self.files[*file].take(call);
                }
            }
        }
    }

    /// One of the images that a loss of power may leave now.
    pub fn image(&self, random: &mut StdRng) -> Image {
        let mut names = self.durable_names.clone();
        let certain = random.random_range(0..=self.renamed.len());
        rename(&mut names, self.renamed[..certain].to_vec());
        names.into_iter().map(|(name, file)| (name, self.files[file].after_loss(random))).collect()
    }

    /// The files if there is no loss of power.
    pub fn whole(&self) -> Image {
        let everything = |file: &File| file.apply(Left::Everything, &mut None).0;
        self.names.iter().map(|(name, file)| (*name, everything(&self.files[*file]))).collect()
    }
}

fn rename(names: &mut BTreeMap<&'static str, usize>, renamed: Vec<(Moment, &'static str, Option<usize>)>) {
    for (_, name, file) in renamed {
        match file {
            Some(file) => names.insert(name, file),
            None => names.remove(name),
        };
    }
}

impl<'r> File<'r> {
    fn take(&mut self, call: &'r Call) {
        if !call.is_flush() {
            self.unflushed.push(call);
            return;
        }
        // A write that was not finished when the flush began may have come too late for it.
        let (flushed, later) = self.unflushed.drain(..).partition(|written| written.ended < call.began);
        self.unflushed = flushed;
        (self.durable, _) = self.apply(Left::Everything, &mut None);
        self.unflushed = later;
    }

    fn after_loss(&self, random: &mut StdRng) -> Vec<u8> {
        let [old, new] = SECTORS;
        let ways = [Left::Nothing, Left::Everything, Left::Writes, Left::Sectors(old), Left::Sectors(new)];
        let left = *ways.choose(random).expect("several ways");
        let (mut bytes, longest) = self.apply(left, &mut Some(&mut *random));
        if matches!(left, Left::Writes | Left::Sectors(_)) {
            // The disk writes a file's length separately from its bytes, so the length may be ahead of them or behind.
            match random.random_range(0..3) {
                0 => bytes.resize(longest.max(bytes.len()), 0),
                1 => bytes.truncate(self.durable.len()),
                _ => {}
            }
        }
        bytes
    }

    /// The file's bytes with what is left of the unflushed calls, and its length if all of them were there.
    fn apply(&self, left: Left, random: &mut Option<&mut StdRng>) -> (Vec<u8>, usize) {
        let (mut bytes, mut longest) = (self.durable.clone(), self.durable.len());
        let mut survives = |is_sure: bool| is_sure || random.as_mut().is_some_and(|random| random.random());
        let is_sure = matches!(left, Left::Everything);
        for call in self.unflushed.iter().filter(|_| !matches!(left, Left::Nothing)) {
            match &call.kind {
                Kind::Write { offset, bytes: written } => {
                    longest = longest.max(offset + written.len());
                    for piece in pieces(*offset, written.len(), left) {
                        if survives(is_sure) {
                            bytes.resize(bytes.len().max(piece.end), 0);
                            bytes[piece.clone()].copy_from_slice(&written[piece.start - offset..piece.end - offset]);
                        }
                    }
                }
                Kind::Cut { length } if survives(is_sure) => {
                    bytes.resize(*length, 0);
                    longest = *length;
                }
                Kind::Cut { .. } | Kind::Create | Kind::Flush | Kind::Remove => {}
            }
        }
        (bytes, longest)
    }
}

/// The parts of a write, each of which is there as a whole or not at all.
fn pieces(offset: usize, length: usize, left: Left) -> Vec<Range<usize>> {
    let end = offset + length;
    let sector = match left {
        Left::Sectors(bytes) => bytes,
        Left::Nothing | Left::Everything | Left::Writes => end,
    };
    let first = offset / sector * sector;
    (first..end).step_by(sector).map(|start| start.max(offset)..(start + sector).min(end)).collect()
}

/// Writes an image to a folder.
pub fn write(image: &Image, folder: &Path) {
    for (name, bytes) in image {
        std::fs::write(folder.join(name), bytes).expect("a file of the image");
    }
}
