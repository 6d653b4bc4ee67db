use super::*;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_file_is_replaced_as_a_whole_with_the_permissions_of_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let (file, plain) = (dir.path().join("new/file"), dir.path().join("plain"));
    write(&file, b"one").unwrap();
    write(&file, b"other").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"other");
    assert_eq!(names(&dir.path().join("new")), ["file"]);
    fs::write(&plain, b"").unwrap();
    assert_eq!(mode(&file), mode(&plain));
}

#[test]
fn what_breaks_off_leaves_the_old_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    write(&file, b"old").unwrap();
    let broken = replace(&file, |temporary| {
        fs::write(temporary, b"half of the n")?;
        Err(io::Error::other("broke off"))
    });
    assert_eq!(broken.unwrap_err().to_string(), "broke off");
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(names(dir.path()), ["file"]);
}

#[test]
fn a_link_stays_one_and_what_it_leads_to_is_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("far")).unwrap();
    let (link, second) = (dir.path().join("link"), dir.path().join("second"));
    symlink("far/file", &link).unwrap(); // relative to the link, and nothing there yet
    symlink(&link, &second).unwrap();
    for (path, text) in [(&link, "one"), (&second, "two")] {
        check_writable(path).unwrap();
        write(path, text.as_bytes()).unwrap();
        assert_eq!(
            fs::read_to_string(dir.path().join("far/file")).unwrap(),
            text
        );
        assert!(link.is_symlink() && second.is_symlink());
    }
    assert_eq!(names(dir.path()), ["far", "link", "second"]);
    let circle = dir.path().join("circle");
    symlink("circle", &circle).unwrap();
    let error = write(&circle, b"").unwrap_err().to_string();
    assert!(error.contains("circle of links"), "{error}");
}

#[test]
fn a_file_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    for kept in [0o600, 0o640, 0o664, 0o755] {
        write(&file, b"old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(kept)).unwrap();
        write(&file, b"new").unwrap();
        assert_eq!(
            (mode(&file), fs::read(&file).unwrap()),
            (kept, b"new".to_vec())
        );
    }
}

#[test]
fn another_name_of_the_file_keeps_the_old_content() {
    let dir = tempfile::tempdir().unwrap();
    let (file, backup) = (dir.path().join("file"), dir.path().join("backup"));
    write(&file, b"old").unwrap();
    fs::hard_link(&file, &backup).unwrap();
    write(&file, b"new").unwrap();
    assert_eq!(fs::read(&backup).unwrap(), b"old");
}

#[test]
fn a_file_that_takes_no_new_name_beside_it_is_written_into_and_keeps_its_other_names() {
    let dir = tempfile::tempdir().unwrap();
    let (file, other) = (dir.path().join("file"), dir.path().join("other"));
    fs::write(&file, "something longer").unwrap();
    fs::hard_link(&file, &other).unwrap();
    let new = temporary_in(dir.path(), &file, PRIVATE).unwrap();
    fs::write(new.path(), "short").unwrap();
    copy_into(&new, &file).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "short");
}

#[test]
fn pipes_and_devices_are_written_into() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    check_writable(&pipe).unwrap();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || [fs::read(&pipe).unwrap(), fs::read(&pipe).unwrap()]
    });
    write(&pipe, b"one").unwrap();
    // The reader must have seen the first end before the second begins.
    std::thread::sleep(std::time::Duration::from_millis(200));
    replace(&pipe, |temporary| fs::write(temporary, "two")).unwrap();
    assert_eq!(reader.join().unwrap(), [b"one", b"two"]);
    write(Path::new("/dev/null"), b"gone").unwrap();
    assert!(
        fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );
    assert_eq!(names(dir.path()), ["pipe"]);
}

#[test]
fn a_reader_that_closes_its_pipe_has_read_enough() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
    let _ = write(Path::new(&path), b"text"); // may not be opened any more
    let (mut reader, writer) = io::pipe().unwrap();
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
    write(Path::new(&path), b"text").unwrap();
    drop(writer);
    let mut read = String::new();
    io::Read::read_to_string(&mut reader, &mut read).unwrap();
    assert_eq!(read, "text");
}

#[test]
fn a_descriptor_of_a_file_is_added_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"before ").unwrap();
    let descriptor = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    write(Path::new(&descriptor), b"after").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "before after");
    assert_eq!(names(dir.path()), ["file"]);
}

#[test]
fn directories_and_sockets_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let slash = dir.path().join("new/");
    for (path, found) in [
        (dir.path(), "is a directory"),
        (slash.as_path(), "is a directory"),
        (socket.as_path(), "is a socket"),
    ] {
        for error in [
            write(path, b"").unwrap_err(),
            check_writable(path).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with(found), "{error}");
        }
    }
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
}

#[test]
fn writers_of_one_file_do_not_meet() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::thread::scope(|scope| {
        for writer in 0..4u8 {
            let file = &file;
            scope.spawn(move || (0..50).for_each(|_| write(file, &[writer; 999]).unwrap()));
        }
    });
    let left = fs::read(&file).unwrap();
    assert!(left.len() == 999 && left.iter().all(|byte| *byte == left[0]));
    assert_eq!(names(dir.path()), ["file"]);
}
