//! Compiled modules in a folder: found again, never trusted too far, never in the way.
//!
//! Not under Miri: every test compiles, and looks at files as the system keeps them.
#![cfg(not(miri))]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use brolga::*;

/// A folder of its own for each test, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("brolga-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::set_permissions(self.cache(), fs::Permissions::from_mode(0o700));
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Result<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(path);
    Cache::new(config)
}

fn text(number: u32) -> String {
    format!(r#"(module (func (export "f") (result i32) (i32.const {number})))"#)
}

/// Compiles a module with a new engine, and runs it; gives hits and misses of the cache.
fn run(cache: &Cache, config: &mut Config, number: u32) -> Result<(usize, usize)> {
    let before = (cache.cache_hits(), cache.cache_misses());
    let engine = Engine::new(config.cache(Some(cache.clone())))?;
    let module = Module::new(&engine, text(number))?;
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    let instance = Instance::new(&mut store, &module, &[])?;
    let f = instance.get_typed_func::<(), u32>(&mut store, "f")?;
    assert_eq!(f.call(&mut store, ())?, number);
    Ok((cache.cache_hits() - before.0, cache.cache_misses() - before.1))
}

const HIT: (usize, usize) = (1, 0);
const MISS: (usize, usize) = (0, 1);

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_was_compiled_is_found_again() -> Result<()> {
    let folder = Folder::new("found");
    let cache = open(&folder.cache())?;
    assert_eq!(cache.directory(), folder.cache());
    let config = &mut Config::new();
    assert_eq!(run(&cache, config, 1)?, MISS);
    assert_eq!(run(&cache, config, 1)?, HIT);
    assert_eq!(run(&cache, config, 2)?, MISS);
    // By another cache of the same folder, as another process has it.
    let again = open(&folder.cache())?;
    assert_eq!(run(&again, config, 1)?, HIT);
    // The text is the same module as its binary, and an engine that knows it does not look.
    let engine = Engine::new(config.cache(Some(again.clone())))?;
    let module = engine.compile_module(&wat::parse_str(text(2))?, None)?;
    assert!(Module::same(&module, &Module::new(&engine, text(2))?));
    assert_eq!((again.cache_hits(), again.cache_misses()), (2, 0));
    assert_eq!(again.write_failures(), 0);
    assert_eq!(files(&folder.cache()).len(), 2);
    Ok(())
}

#[test]
fn another_configuration_has_files_of_its_own() -> Result<()> {
    let folder = Folder::new("configurations");
    let cache = open(&folder.cache())?;
    let mut configs = [
        Config::new(),
        Config::new().epoch_interruption(true).clone(),
        Config::new().cranelift_opt_level(OptLevel::None).clone(),
        Config::new().signals_based_traps(false).clone(),
        Config::new().wasm_simd(false).clone(),
    ];
    for expected in [MISS, HIT] {
        for config in &mut configs {
            assert_eq!(run(&cache, config, 7)?, expected);
        }
    }
    Ok(())
}

#[test]
fn damaged_files_are_replaced() -> Result<()> {
    let folder = Folder::new("damaged");
    let cache = open(&folder.cache())?;
    let config = &mut Config::new();
    run(&cache, config, 3)?;
    let file = &files(&folder.cache())[0];
    let whole = fs::read(file)?;
    let mut damaged: Vec<Vec<u8>> = vec![Vec::new(), b"something else".to_vec(), vec![0; 10_000]];
    damaged.push(whole[..whole.len() - 1].to_vec());
    damaged.push([&whole[..], &[0]].concat());
    for at in (0..whole.len()).step_by(whole.len() / 50) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        damaged.push(flipped);
    }
    for bytes in damaged {
        fs::write(file, &bytes)?;
        assert_eq!(run(&cache, config, 3)?, MISS);
        assert_eq!(fs::read(file)?, whole, "replaced by a good one");
        assert_eq!(run(&cache, config, 3)?, HIT);
    }
    // Another module's file under this name, good in itself: as if hashes were equal.
    run(&cache, config, 4)?;
    let other = files(&folder.cache()).into_iter().find(|it| it != file).unwrap();
    fs::copy(&other, file)?;
    assert_eq!(run(&cache, config, 3)?, MISS);
    assert_eq!(run(&cache, config, 3)?, HIT);
    Ok(())
}

#[test]
fn what_does_not_compile_is_not_written() -> Result<()> {
    let folder = Folder::new("invalid");
    let cache = open(&folder.cache())?;
    let engine = Engine::new(Config::new().cache(Some(cache)))?;
    assert!(Module::new(&engine, "(module (func (result i32)))").is_err());
    assert!(files(&folder.cache()).is_empty());
    Ok(())
}

#[test]
fn the_oldest_go_when_there_is_too_much() -> Result<()> {
    let folder = Folder::new("sizes");
    let mut config = CacheConfig::new();
    config.with_directory(folder.cache()).with_file_count_soft_limit(5);
    let cache = Cache::new(config.clone())?;
    for number in 0..5 {
        run(&cache, &mut Config::new(), number)?;
    }
    assert_eq!(run(&cache, &mut Config::new(), 0)?, HIT, "which makes it the youngest");
    assert_eq!(files(&folder.cache()).len(), 5);
    run(&cache, &mut Config::new(), 5)?;
    assert_eq!(files(&folder.cache()).len(), 4, "eight tenths");
    assert_eq!(run(&cache, &mut Config::new(), 0)?, HIT);
    assert_eq!(run(&cache, &mut Config::new(), 1)?, MISS);

    let size = fs::metadata(&files(&folder.cache())[0])?.len();
    config.with_file_count_soft_limit(u64::MAX).with_files_total_size_soft_limit(2 * size);
    run(&Cache::new(config)?, &mut Config::new(), 9)?;
    assert_eq!(files(&folder.cache()).len(), 1);
    Ok(())
}

#[test]
fn what_was_never_finished_goes_in_time() -> Result<()> {
    let folder = Folder::new("unfinished");
    let cache = open(&folder.cache())?;
    let [old, new] =
        ["1", "2"].map(|it| folder.cache().join(format!("{it:0>16}-{it:0>16}-a.1-2.part")));
    for path in [&old, &new] {
        fs::write(path, "half")?;
    }
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    fs::File::options().write(true).open(&old)?.set_modified(yesterday)?;
    run(&cache, &mut Config::new(), 1)?;
    assert!(!old.exists() && new.exists());
    Ok(())
}

#[test]
fn folders_that_others_can_write_to_are_refused() -> Result<()> {
    let folder = Folder::new("private");
    let path = folder.cache();
    fs::create_dir(&path)?;
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        let error = open(&path).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(CacheError::NotPrivate { .. })), "{error:#}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    open(&path)?;

    let link = folder.0.join("link");
    symlink(&path, &link)?;
    let file = folder.0.join("file");
    fs::write(&file, "")?;
    for path in [link, file] {
        let error = open(&path).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(CacheError::NotAFolder { .. })), "{error:#}");
    }
    let error = open(&folder.0.join("not/there")).unwrap_err();
    assert!(error.is::<std::io::Error>(), "{error:#}");
    Ok(())
}

#[test]
fn a_cache_that_cannot_be_written_is_no_obstacle() -> Result<()> {
    let folder = Folder::new("gone");
    let cache = open(&folder.cache())?;
    fs::remove_dir(folder.cache())?;
    assert_eq!(run(&cache, &mut Config::new(), 1)?, MISS);
    assert_eq!(cache.write_failures(), 1);
    Ok(())
}

#[test]
fn many_engines_use_one_folder() -> Result<()> {
    let folder = Folder::new("many");
    let cache = open(&folder.cache())?;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, path) = (&cache, folder.cache());
            scope.spawn(move || {
                let own = open(&path).unwrap();
                let cache = if thread % 2 == 0 { cache } else { &own };
                for number in 0..20 {
                    // Hits and misses of a shared cache are everybody's.
                    run(cache, &mut Config::new(), number % 5).unwrap();
                }
            });
        }
    });
    assert_eq!(files(&folder.cache()).len(), 5);
    Ok(())
}

#[test]
fn files_of_other_names_are_not_touched() -> Result<()> {
    let folder = Folder::new("foreign");
    let mut config = CacheConfig::new();
    config.with_directory(folder.cache()).with_files_total_size_soft_limit(1);
    let cache = Cache::new(config)?;
    let letters = ["letter.txt", "download.zip.part"].map(|name| folder.cache().join(name));
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    for path in &letters {
        fs::write(path, "mine")?;
        fs::File::options().write(true).open(path)?.set_modified(yesterday)?;
    }
    run(&cache, &mut Config::new(), 1)?;
    assert_eq!(files(&folder.cache()), [letters[1].clone(), letters[0].clone()]);
    Ok(())
}

#[test]
fn files_that_others_can_have_written_are_not_taken() -> Result<()> {
    let folder = Folder::new("planted");
    let cache = open(&folder.cache())?;
    let config = &mut Config::new();
    run(&cache, config, 1)?;
    let file = files(&folder.cache()).remove(0);
    for mode in [0o620, 0o602] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        assert_eq!(run(&cache, config, 1)?, MISS);
        assert_eq!(run(&cache, config, 1)?, HIT, "replaced by one of our own");
    }
    // Another user's: only who may give files away can try.
    if std::os::unix::fs::chown(&file, Some(65_534), None).is_ok() {
        assert_eq!(run(&cache, config, 1)?, MISS);
        assert_eq!(run(&cache, config, 1)?, HIT);
    }
    // Nor is a link followed.
    let elsewhere = folder.0.join("elsewhere");
    fs::rename(&file, &elsewhere)?;
    symlink(&elsewhere, &file)?;
    assert_eq!(run(&cache, config, 1)?, MISS);
    Ok(())
}

#[test]
fn a_slash_at_the_end_follows_no_link() -> Result<()> {
    let folder = Folder::new("slash");
    fs::create_dir(folder.cache())?;
    fs::set_permissions(folder.cache(), fs::Permissions::from_mode(0o700))?;
    symlink(folder.cache(), folder.0.join("link"))?;
    for path in ["link/", "link/.", "link//"] {
        let error = open(&folder.0.join(path)).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(CacheError::NotAFolder { .. })), "{error:#}");
    }
    Ok(())
}
