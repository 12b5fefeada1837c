//! Which file of the library uses which, and the circles that this makes.
//!
//! A path, in a `use` or anywhere in code, is followed as the compiler follows it: through `crate`, `self`, `super`,
//! modules, imports, globs and re-exports, to the file that defines the item. A re-export by itself is not a use. Tests
//! are left out. What is not seen: methods, which have no path.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

/// The path of a module, from the root of the library.
type Module = Vec<String>;

/// How many imports may lead from one to the next.
const LONGEST_CHAIN: usize = 20;

/// A module: its items and what it imports.
#[derive(Default)]
struct Scope {
    file: String,
    items: BTreeSet<String>,
    modules: BTreeSet<String>,
    imports: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    /// Every path that the module's code names.
    paths: BTreeSet<Vec<String>>,
}

/// The modules of a library.
pub struct Library {
    scopes: BTreeMap<Module, Scope>,
}

/// The files that each file uses.
pub type Uses = BTreeMap<String, BTreeSet<String>>;

impl Library {
    /// Of the files of a library and their texts, named as below `src`: `a.rs`, `a/b.rs`, `a/mod.rs`.
    pub fn new(files: &[(String, String)]) -> Self {
        let mut library = Self { scopes: BTreeMap::new() };
        for (name, text) in files {
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let path = name.trim_end_matches(".rs");
            let path = path.strip_suffix("/mod").unwrap_or(path);
            let module = path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect();
            library.add(name, module, &parsed.items);
        }
        library
    }

    fn add(&mut self, file: &str, module: Module, items: &[syn::Item]) {
        let mut scope = Scope { file: file.to_owned(), ..Scope::default() };
        for item in items.iter().filter(|item| !is_test(item)) {
            match item {
                syn::Item::Mod(inner) => {
                    scope.modules.insert(inner.ident.to_string());
                    if let Some((_, items)) = &inner.content {
                        self.add(file, [&module[..], &[inner.ident.to_string()]].concat(), items);
                    }
                }
                syn::Item::Use(import) => {
                    let is_private = matches!(import.vis, syn::Visibility::Inherited);
                    scope.import(Vec::new(), &import.tree, is_private);
                }
                item => {
                    scope.items.extend(name_of(item));
                    scope.visit_item(item);
                }
            }
        }
        self.scopes.insert(module, scope);
    }

    /// The file of each that each file uses.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (module, scope) in &self.scopes {
            // A single name is a variable, even if a module has the same name.
            let is_variable = |path: &[String]| path.len() == 1 && scope.modules.contains(&path[0]);
            let paths = scope.paths.iter().filter(|path| !is_variable(path));
            let found = paths.filter_map(|path| self.file_of(module, path, 0));
            let others = found.filter(|file| *file != scope.file);
            uses.entry(scope.file.clone()).or_default().extend(others);
        }
        uses
    }

    /// The file that defines what a path names in a module; nothing when it is not of this library.
    fn file_of(&self, module: &[String], path: &[String], depth: usize) -> Option<String> {
        if depth > LONGEST_CHAIN {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(&[], rest, depth),
            "self" => self.walk(module, rest, depth),
            "super" => self.walk(&module[..module.len().checked_sub(1)?], rest, depth),
            _ => self.walk(module, path, depth),
        }
    }

    fn walk(&self, module: &[String], path: &[String], depth: usize) -> Option<String> {
        let scope = self.scopes.get(module)?;
        let Some((name, rest)) = path.split_first() else { return Some(scope.file.clone()) };
        if name == "super" {
            return self.file_of(module, path, depth);
        }
        if scope.modules.contains(name) {
            return self.walk(&[module, std::slice::from_ref(name)].concat(), rest, depth);
        }
        if scope.items.contains(name) {
            return Some(scope.file.clone());
        }
        if let Some(target) = scope.imports.get(name) {
            return self.file_of(module, &[&target[..], rest].concat(), depth + 1);
        }
        scope.globs.iter().find_map(|glob| self.file_of(module, &[&glob[..], path].concat(), depth + 1))
    }
}

impl Scope {
    /// Adds what a `use` brings in. What is only re-exported is not used by this module.
    fn import(&mut self, mut before: Vec<String>, tree: &syn::UseTree, is_used: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree, is_used);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(before.clone(), tree, is_used));
            }
            syn::UseTree::Glob(_) => self.globs.push(before),
            syn::UseTree::Name(name) if name.ident == "self" => {
                if let Some(name) = before.last().cloned() {
                    self.alias(name, before, is_used);
                }
            }
            syn::UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.alias(name.ident.to_string(), before, is_used);
            }
            syn::UseTree::Rename(rename) => {
                before.push(rename.ident.to_string());
                self.alias(rename.rename.to_string(), before, is_used);
            }
        }
    }

    fn alias(&mut self, name: String, target: Vec<String>, is_used: bool) {
        if is_used {
            self.paths.insert(target.clone());
        }
        self.imports.insert(name, target);
    }
}

impl<'ast> Visit<'ast> for Scope {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    /// The path in `pub(super)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    /// A `use` inside a function is taken as one of the module.
    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        self.import(Vec::new(), &import.tree, true);
    }

    /// The paths in the arguments of a macro, which are not parsed.
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let text = called.tokens.to_string().replace(" :: ", "::");
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let paths = words.filter(|word| word.contains("::") && !word.starts_with(':'));
        self.paths.extend(paths.map(|path| path.split("::").map(str::to_owned).collect()));
    }
}

/// Whether an item is compiled for tests only.
fn is_test(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn name_of(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// The circles: sets of files of which each uses each other, directly or through others of them.
pub fn circles(uses: &Uses) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        uses.keys().map(|file| (file, reached_from(file, uses))).collect();
    let mut found = Vec::<BTreeSet<String>>::new();
    for (file, far) in &reached {
        let circle = far.iter().filter(|other| reached.get(*other).is_some_and(|back| back.contains(file)));
        let circle: BTreeSet<String> = circle.map(|file| (*file).clone()).collect();
        if !circle.is_empty() && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// The files that a file uses, directly or through others.
fn reached_from<'a>(file: &str, uses: &'a Uses) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&String> = uses[file].iter().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(uses.get(file).into_iter().flatten());
        }
    }
    reached
}
