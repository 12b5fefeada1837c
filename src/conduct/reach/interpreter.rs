//! Finds the loader that a dynamic program needs on the machine (elf(5), `PT_INTERP`).

use super::programs::Program;

/// The segment with the loader's path.
const PT_INTERP: u32 = 3;
/// The longest path, in bytes.
const LONGEST: usize = 4096;

/// The loader that a program needs; `None` for a static program, or if this is not a 64-bit program of this byte order.
pub(super) fn interpreter(program: &Program) -> Option<String> {
    let head: [u8; 64] = read(program, 0)?;
    let is_known = head.starts_with(b"\x7fELF") && head[4] == 2 && head[5] == 1;
    let table = u64::from_le_bytes(part(&head, 32)?);
    let size = u64::from(u16::from_le_bytes(part(&head, 54)?));
    let count = u64::from(u16::from_le_bytes(part(&head, 56)?));
    let mut segments = (0..count).filter_map(|index| read::<56>(program, table.checked_add(index * size)?));
    let segment = segments.find(|segment| part(segment, 0).map(u32::from_le_bytes) == Some(PT_INTERP));
    let segment = segment.filter(|_| is_known)?;
    let offset = u64::from_le_bytes(part(&segment, 8)?);
    let length = usize::try_from(u64::from_le_bytes(part(&segment, 32)?)).ok()?;
    let mut path = vec![0; length.min(LONGEST)];
    let count = program.read_at(&mut path, offset).ok()?;
    path.truncate(count);
    let path = String::from_utf8(path).ok()?;
    Some(path.trim_end_matches('\0').to_owned())
}

fn read<const N: usize>(program: &Program, offset: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (program.read_at(&mut bytes, offset).ok()? == N).then_some(bytes)
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_dynamic_program_names_its_loader_and_a_text_names_none() {
        let own = interpreter(&Program::open(Path::new("/proc/self/exe")).unwrap());
        assert_eq!(own.is_some(), cfg!(not(target_feature = "crt-static")), "{own:?}");
        assert!(own.is_none_or(|path| Path::new(&path).exists()));
        assert_eq!(interpreter(&Program::open(Path::new("Cargo.toml")).unwrap()), None);
    }
}
