//! Where each configuration comes into force, and what a start makes of it.

use super::*;

fn limited(max_devices: usize) -> (Config, Settings) {
    let text = format!("[limits]\nmax_devices = {max_devices}\n");
    let loaded = Config::from_toml_with_env(&text, std::iter::empty()).unwrap();
    (loaded.config, loaded.settings)
}

fn extent(start: u64, end: u64) -> Extent {
    Extent {
        start: Position(start),
        end: Position(end),
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("configurations.json")
    }

    fn open(&self, devices: usize, start: u64, end: u64) -> Arc<ConfigHistory> {
        let (config, settings) = limited(devices);
        ConfigHistory::open(&self.path(), &config, &settings, extent(start, end)).unwrap()
    }
}

fn reload(history: &ConfigHistory, devices: usize, start: u64, end: u64) {
    let (config, settings) = limited(devices);
    let recorded = history.record(&config, &settings, || Ok(extent(start, end)));
    assert_eq!(recorded.unwrap(), Position(end));
}

/// What decides at each position, for a reader that starts at the first.
fn walk(cursor: &mut ConfigCursor, positions: &[u64]) -> Vec<usize> {
    let at = |position: &u64| {
        while cursor.advance(Position(*position)).is_some() {}
        cursor.config().limits.max_devices
    };
    positions.iter().map(at).collect()
}

#[test]
fn a_reader_follows_the_changes_at_their_positions_also_after_a_restart() {
    let folder = Folder::new();
    let history = folder.open(1, 0, 0);
    let mut live = history.resume(0, Position(0));
    assert_eq!(live.next_change(), None);
    reload(&history, 2, 0, 100);
    reload(&history, 3, 0, 200);
    assert_eq!(live.next_change(), Some(Position(100)));
    assert_eq!(walk(&mut live, &[50, 99, 100, 150, 200]), [1, 1, 2, 2, 3]);

    // The file was changed while Weir was down.
    let history = folder.open(4, 0, 300);
    let mut replay = history.resume(1, Position(60));
    assert_eq!(
        walk(&mut replay, &[60, 100, 200, 299, 300]),
        [1, 2, 3, 3, 4]
    );
    // And this time it was not.
    let history = folder.open(4, 0, 400);
    assert_eq!(history.resume(0, Position(350)).next_change(), None);
    assert_eq!(history.all().len(), 4);
}

#[test]
fn a_checkpoint_records_whether_a_change_at_its_position_is_in_it() {
    let folder = Folder::new();
    let history = folder.open(1, 0, 0);
    reload(&history, 2, 0, 100);
    reload(&history, 3, 0, 100);
    for (number, devices) in [(1, 1), (2, 2), (3, 3), (0, 3), (99, 3)] {
        let cursor = history.resume(number, Position(100));
        assert_eq!(cursor.config().limits.max_devices, devices, "{number}");
    }
    // Every step counts, though no message is between.
    let mut cursor = history.resume(1, Position(100));
    let first = cursor.advance(Position(100)).unwrap();
    assert_eq!(first.limits.max_devices, 2);
    assert_eq!(walk(&mut cursor, &[100]), [3]);
}

#[test]
fn what_the_journal_let_go_of_is_forgotten_but_for_what_still_decides() {
    let folder = Folder::new();
    let history = folder.open(1, 0, 0);
    for (nth, devices) in (1..).zip(2..6) {
        reload(&history, devices, 0, nth * 100);
    }
    reload(&history, 6, 250, 500);
    let devices: Vec<usize> = history
        .all()
        .iter()
        .map(|config| config.limits.max_devices)
        .collect();
    assert_eq!(devices, [3, 4, 5, 6]);
}

#[test]
fn positions_that_power_took_away_do_not_hold_a_change_back() {
    let folder = Folder::new();
    let history = folder.open(1, 0, 0);
    reload(&history, 2, 0, 100);
    let history = folder.open(2, 0, 70);
    let mut cursor = history.resume(1, Position(0));
    assert_eq!(walk(&mut cursor, &[69, 70]), [1, 2]);
}

#[test]
fn a_change_that_cannot_be_written_does_not_come_into_force() {
    let folder = Folder::new();
    let history = folder.open(1, 0, 0);
    std::fs::create_dir(folder.0.path().join("configurations.json.tmp")).unwrap();
    let (config, settings) = limited(2);
    assert!(
        history
            .record(&config, &settings, || Ok(extent(0, 9)))
            .is_err()
    );
    assert_eq!(history.resume(0, Position(0)).next_change(), None);
}

#[test]
fn a_damaged_file_is_no_history() {
    let folder = Folder::new();
    reload(&folder.open(1, 0, 0), 2, 0, 100);
    let whole = std::fs::read(folder.path()).unwrap();
    for damaged in [
        &whole[..whole.len() / 2],
        b"",
        b"{\"version\":9,\"entries\":[]}",
    ] {
        std::fs::write(folder.path(), damaged).unwrap();
        let history = folder.open(3, 0, 200);
        let cursor = history.resume(1, Position(0));
        assert_eq!(cursor.config().limits.max_devices, 3);
    }
}

#[test]
fn every_section_that_decides_about_messages_is_restored_after_a_restart() {
    let sections = |nth: usize| {
        format!(
            "[limits]\nmax_devices = {nth}\n\
             [line_protocol]\nignored_tags = [\"old{nth}\"]\n\
             [shadows]\nmax_depth = {nth}\n\
             [[route]]\ntopic = \"plant{nth}/{{device}}\"\n\
             [[function]]\nname = \"hot{nth}\"\nkind = \"threshold\"\nsensor = \"t\"\n\
             warning_high = 1.0\n"
        )
    };
    let load = |nth| Config::from_toml_with_env(&sections(nth), std::iter::empty()).unwrap();
    let folder = Folder::new();
    let open = |nth, end| {
        let loaded = load(nth);
        let (config, settings) = (&loaded.config, &loaded.settings);
        ConfigHistory::open(&folder.path(), config, settings, extent(0, end)).unwrap()
    };
    open(1, 0);
    let history = open(2, 100);
    let old = history.resume(1, Position(0));
    assert_eq!(**old.config(), load(1).config);
    assert_eq!(old.next_change(), Some(Position(100)));
    assert_eq!(**history.resume(2, Position(100)).config(), load(2).config);
}
