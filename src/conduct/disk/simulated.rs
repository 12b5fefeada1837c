//! A disk for tests. Until its power is cut, it contains what was written. After that, it contains what was synced, and
//! of the rest whatever chance leaves: each name may change or not, and a file contains any first part of what was
//! written to it, or zeros.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, Entries, Parts};

/// The number of a file or folder on the disk.
type Node = usize;

/// The folder of the run.
const ROOT: Node = 0;

/// A disk. A clone is the same disk.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    nodes: Vec<Content>,
    /// How many more changes are made before its power is cut.
    left: usize,
}

/// The current contents, and those that were synced.
#[derive(Debug, Clone)]
enum Content {
    File { now: Vec<u8>, kept: Vec<u8> },
    Folder { now: Names, kept: Names },
}

type Names = BTreeMap<OsString, Node>;

fn folder() -> Content {
    Content::Folder { now: Names::new(), kept: Names::new() }
}

fn not_found() -> io::Error {
    ErrorKind::NotFound.into()
}

impl State {
    /// Counts a change. Fails if the power is off.
    fn change(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(ErrorKind::BrokenPipe)?;
        Ok(())
    }

    fn names(&mut self, node: Node) -> io::Result<&mut Names> {
        match self.nodes.get_mut(node) {
            Some(Content::Folder { now, .. }) => Ok(now),
            _ => Err(not_found()),
        }
    }

    fn find(&mut self, path: Parts<'_>) -> io::Result<Node> {
        path.iter().try_fold(ROOT, |node, name| self.names(node)?.get(name).copied().ok_or_else(not_found))
    }

    fn add(&mut self, folder: Node, name: &OsStr, content: Content) -> io::Result<Node> {
        self.change()?;
        let node = self.nodes.len();
        self.nodes.push(content);
        self.names(folder)?.insert(name.to_owned(), node);
        Ok(node)
    }

    fn data(&mut self, path: Parts<'_>) -> io::Result<&mut Vec<u8>> {
        let node = self.find(path)?;
        match &mut self.nodes[node] {
            Content::File { now, .. } => Ok(now),
            Content::Folder { .. } => Err(not_found()),
        }
    }

    fn sync(&mut self, path: Parts<'_>) -> io::Result<()> {
        self.change()?;
        let node = self.find(path)?;
        match &mut self.nodes[node] {
            Content::File { now, kept } => kept.clone_from(now),
            Content::Folder { now, kept } => kept.clone_from(now),
        }
        Ok(())
    }
}

impl SimulatedDisk {
    /// Creates a disk whose power is cut after this many changes.
    pub(crate) fn new(left: usize) -> Self {
        Self(Arc::new(Mutex::new(State { nodes: vec![folder()], left })))
    }

    /// Creates an empty disk whose power is cut when that of this one would be.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.lock().left)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Appends to a file, which is created if it does not exist, with its folders.
    pub(crate) fn append(&self, path: Parts<'_>, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let (name, folders) = path.split_last().ok_or_else(not_found)?;
        let mut at = ROOT;
        for name in folders {
            at = match state.names(at)?.get(name).copied() {
                Some(node) => node,
                None => state.add(at, name, folder())?,
            };
        }
        if !state.names(at)?.contains_key(name) {
            state.add(at, name, Content::File { now: Vec::new(), kept: Vec::new() })?;
        }
        state.change()?;
        state.data(path)?.extend(bytes);
        Ok(())
    }

    /// Truncates a file.
    pub(crate) fn truncate(&self, path: Parts<'_>, length: usize) -> io::Result<()> {
        let mut state = self.lock();
        state.change()?;
        state.data(path)?.truncate(length);
        Ok(())
    }

    /// Returns the contents of a file.
    pub(crate) fn read(&self, path: Parts<'_>) -> io::Result<Vec<u8>> {
        Ok(self.lock().data(path)?.clone())
    }

    /// Returns the disk after a power cut; its power is cut again after `left` changes. `chance` returns numbers below
    /// its argument.
    pub(crate) fn cut(&self, left: usize, mut chance: impl FnMut(usize) -> usize) -> Self {
        let state = self.lock();
        let nodes = state.nodes.iter().map(|node| match node {
            Content::File { now, kept } => {
                let common = kept.iter().zip(now).take_while(|(kept, now)| kept == now).count();
                // The file was truncated and rewritten: either may reach the disk without the other.
                let mut data = if common < kept.len() && chance(2) == 0 { kept.clone() } else { now.clone() };
                let length = common.min(data.len()) + chance(data.len() - common.min(data.len()) + 1);
                if chance(4) == 0 {
                    let written = common.min(data.len());
                    let to = written + chance(data.len() - written + 1);
                    data[written..to].fill(0);
                } else {
                    data.truncate(length.max(kept.len().min(data.len())));
                }
                Content::File { kept: data.clone(), now: data }
            }
            Content::Folder { now, kept } => {
                let mut names = kept.clone();
                for name in now.keys().chain(kept.keys()).filter(|name| now.get(*name) != kept.get(*name)) {
                    if chance(2) == 0 {
                        match now.get(name) {
                            Some(node) => names.insert(name.clone(), *node),
                            None => names.remove(name),
                        };
                    }
                }
                Content::Folder { kept: names.clone(), now: names }
            }
        });
        let nodes = nodes.collect();
        Self(Arc::new(Mutex::new(State { nodes, left })))
    }
}

impl Disk for SimulatedDisk {
    fn entries(&self, folder: Parts<'_>) -> io::Result<Entries> {
        let mut state = self.lock();
        let node = state.find(folder)?;
        let names = state.names(node)?.clone();
        let is_folder = |node: &Node| matches!(state.nodes[*node], Content::Folder { .. });
        let (folders, files): (Vec<_>, Vec<_>) = names.into_iter().partition(|(_, node)| is_folder(node));
        let names = |entries: Vec<(OsString, Node)>| entries.into_iter().map(|(name, _)| name).collect();
        Ok(Entries { files: names(files), folders: names(folders) })
    }

    fn sync_file(&self, file: Parts<'_>) -> io::Result<()> {
        self.lock().sync(file)
    }

    fn sync_folder(&self, folder: Parts<'_>) -> io::Result<()> {
        self.lock().sync(folder)
    }

    fn sync_all(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.change()?;
        for node in &mut state.nodes {
            match node {
                Content::File { now, kept } => kept.clone_from(now),
                Content::Folder { now, kept } => kept.clone_from(now),
            }
        }
        Ok(())
    }

    fn sync_above(&self) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, folder: Parts<'_>, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let mut state = self.lock();
        state.change()?;
        let node = state.find(folder)?;
        let names = state.names(node)?;
        if names.contains_key(to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let moved = names.remove(from).ok_or_else(not_found)?;
        names.insert(to.to_owned(), moved);
        Ok(())
    }
}
