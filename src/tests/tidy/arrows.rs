//! Which file uses which. This resolves the paths in a crate's files to files.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    paths::{Outline, Path, outline},
    source::Files,
};

/// How many re-exports in a row are followed.
const MAX_REEXPORTS: usize = 8;

/// All pairs of a file and a file that it uses.
pub type Arrows = BTreeSet<(String, String)>;

/// The files of one crate, and their outlines.
struct Crate {
    files: BTreeMap<String, Outline>,
    /// The files of each module. There are two if a `cfg` chooses between them.
    modules: BTreeMap<Path, Vec<String>>,
}

/// Reads a crate's files, each given with its path inside the crate's folder, and resolves the Rust paths in them to
/// files. A file that only declares modules and re-exports their names uses nothing; whoever uses it uses the files
/// behind it.
pub fn arrows(files: &Files) -> Arrows {
    let read = Crate::read(files);
    let mut arrows = Arrows::new();
    for (file, outline) in read.files.iter().filter(|(_, outline)| !outline.only_declares) {
        for path in outline.imports.iter().map(|import| &import.path).chain(&outline.inline) {
            let targets = read.files_of(path, MAX_REEXPORTS);
            arrows.extend(targets.into_iter().filter(|target| target != file).map(|target| (file.clone(), target)));
        }
    }
    arrows
}

impl Crate {
    fn read(files: &Files) -> Self {
        let mut modules: BTreeMap<Path, Vec<String>> = BTreeMap::new();
        let named: BTreeMap<String, Path> = files.iter().flat_map(|(file, text)| files_by_name(file, text)).collect();
        let mut outlines = BTreeMap::new();
        for (file, text) in files {
            let module = named.get(file).cloned().unwrap_or_else(|| module_of(file));
            outlines.insert(file.clone(), outline(&module, text));
            modules.entry(module).or_default().push(file.clone());
        }
        Self { files: outlines, modules }
    }

    /// The files that a path leads to.
    fn files_of(&self, path: &[String], reexports_left: usize) -> BTreeSet<String> {
        let longest = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]));
        let Some(length) = longest else { return BTreeSet::new() };
        let files = &self.modules[&path[..length]];
        let Some((name, behind)) = path[length..].split_first() else { return files.iter().cloned().collect() };
        files.iter().flat_map(|file| self.origins(file, name, behind, reexports_left)).collect()
    }

    /// The files that a name in a file comes from: the file itself, unless that file only re-exports the name.
    fn origins(&self, file: &str, name: &str, behind: &[String], reexports_left: usize) -> BTreeSet<String> {
        let outline = &self.files[file];
        let mut origins = BTreeSet::new();
        if outline.only_declares && reexports_left > 0 {
            let imports = || outline.imports.iter();
            let follow = |path: &[String], rest: &[String]| self.files_of(&[path, rest].concat(), reexports_left - 1);
            for import in imports().filter(|import| import.name.as_deref() == Some(name)) {
                origins.extend(follow(&import.path, behind));
            }
            if origins.is_empty() {
                let full: Path = [&[name.to_owned()], behind].concat();
                imports()
                    .filter(|import| import.name.is_none())
                    .for_each(|all| origins.extend(follow(&all.path, &full)));
            }
        }
        if origins.is_empty() {
            origins.insert(file.to_owned());
        }
        origins
    }
}

/// The module that a file holds, from the file's path.
fn module_of(file: &str) -> Path {
    let place = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Path = place.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// The files that a declaration gives by `#[path = "…"]`, with their modules.
fn files_by_name(file: &str, text: &str) -> Vec<(String, Path)> {
    let module = module_of(file);
    let folder = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let named = |name: String, file: String| (format!("{folder}{file}"), [module.clone(), vec![name]].concat());
    let children = outline(&module, text).children.into_iter();
    children.filter_map(|child| Some(named(child.name, child.file?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arrows between made-up files, each as `from to`.
    fn between<const COUNT: usize>(files: [(&str, &str); COUNT]) -> Vec<String> {
        let files = files.map(|(file, text)| (file.to_owned(), text.to_owned())).into();
        arrows(&files).into_iter().map(|(from, to)| format!("{from} {to}")).collect()
    }

    #[test]
    fn a_path_ends_in_the_file_of_its_innermost_module() {
        let found = between([
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod inner; pub fn f() {}"),
            ("a/inner.rs", "use super::f; use crate::b::Kind::*; fn g() { crate::b::deep::h(); }"),
            ("b.rs", "mod deep; pub enum Kind { One }"),
            ("b/deep.rs", "pub fn h() { super::super::a::f(); std::mem::take(); }"),
        ]);
        assert_eq!(found, ["a/inner.rs a/mod.rs", "a/inner.rs b.rs", "a/inner.rs b/deep.rs", "b/deep.rs a/mod.rs"]);
    }

    #[test]
    fn a_file_that_only_declares_is_looked_through() {
        let found = between([
            ("lib.rs", "mod a; mod user;"),
            ("a/mod.rs", "mod one; mod two; pub use self::{one::One, two::*}; pub use one::Other as Renamed;"),
            ("a/one.rs", "use super::Two;"),
            ("a/two.rs", "pub struct Two;"),
            ("user.rs", "use crate::a::{One, Renamed}; fn f() { crate::a::one::g(); }"),
        ]);
        assert_eq!(found, ["a/one.rs a/two.rs", "user.rs a/one.rs"]);
    }

    #[test]
    fn a_file_that_does_something_is_not_looked_through() {
        let found = between([
            ("lib.rs", "mod a; mod user;"),
            ("a.rs", "mod one; pub use one::One; pub const ZERO: u8 = 0;"),
            ("a/one.rs", "pub struct One;"),
            ("user.rs", "use crate::a::One;"),
        ]);
        assert_eq!(found, ["a.rs a/one.rs", "user.rs a.rs"]);
    }

    #[test]
    fn both_files_that_a_gate_chooses_from_are_one_module() {
        let found = between([
            ("lib.rs", "mod user; #[cfg(x)] mod a; #[cfg(not(x))] #[path = \"a_absent.rs\"] mod a;"),
            ("a.rs", "use super::user::f;"),
            ("a_absent.rs", ""),
            ("user.rs", "fn f() { super::a::g(); }"),
        ]);
        assert_eq!(found, ["a.rs user.rs", "user.rs a.rs", "user.rs a_absent.rs"]);
    }
}
