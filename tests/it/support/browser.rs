//! A browser without a window, driven through its driver (`chromedriver`, the `WebDriver` protocol over plain HTTP).
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::eventually;
use super::wire::free_port;

/// The keys that have no character.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";
pub const RIGHT: &str = "\u{e014}";
pub const DOWN: &str = "\u{e015}";

/// One browser with one page.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; `None` with a message on a machine that has none.
    pub fn start() -> Option<Self> {
        // Without IPv6 the driver that chooses a port itself says that it is port 0.
        let port = free_port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(driver) = command.spawn() else {
            super::surroundings::skip("this machine has no chromedriver");
            return None;
        };
        let profile = tempfile::tempdir().expect("a folder");
        // From here on the driver is ended when this fails.
        let mut browser = Self { driver, port, session: String::new(), profile };
        eventually("the driver listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let profile = browser.profile.path().display().to_string();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,1000",
        ];
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .chain([format!("--user-data-dir={profile}")])
            .collect();
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}});
        let answer = browser.post("/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        answer["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        Some(browser)
    }

    fn request(&self, method: &str, path: &str, body: &str) -> io::Result<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if let Some((name, value)) = line.trim().split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().map_err(io::Error::other)?;
                }
            } else if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(serde_json::from_slice::<Value>(&body)?["value"].clone())
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", path, &body.to_string()).expect("the driver answers")
    }

    #[track_caller]
    fn command(&self, name: &str, body: &Value) -> Value {
        let answer = self.post(&format!("/session/{}/{name}", self.session), body);
        assert!(answer.get("error").is_none(), "{name}: {answer:#}");
        answer
    }

    /// Opens a file, and waits until its script has run.
    pub fn open(&self, file: &Path) {
        self.open_at(file, "");
    }

    /// Opens a file with this behind its address, such as `#place`.
    pub fn open_at(&self, file: &Path, place: &str) {
        // The same file with another place alone would not be loaded again.
        self.command("url", &json!({"url": "about:blank"}));
        self.command("url", &json!({"url": format!("file://{}{place}", file.display())}));
    }

    /// Goes back to what was shown before.
    pub fn back(&self) {
        self.command("back", &json!({}));
    }

    /// Presses these keys one after another. Keys without a character have one of their own, such as [`TAB`].
    pub fn press(&self, keys: &str) {
        let moves: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({"type": what, "value": key.to_string()})))
            .collect();
        self.command("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": moves}]}));
    }

    /// Has the window show so many pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// What a screen reader is told of the page: role and name of each element that it does not ignore, in order.
    pub fn accessible(&self) -> Vec<(String, String)> {
        let tree = self.devtools("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        let text = |node: &Value, of: &str| node[of]["value"].as_str().unwrap_or_default().to_owned();
        let told = nodes.iter().filter(|node| node["ignored"] != true);
        told.map(|node| (text(node, "role"), text(node, "name"))).collect()
    }

    /// A command of the browser's own protocol for developers.
    #[track_caller]
    pub fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    /// What a function's body returns in the page.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Clicks at this place of the window.
    pub fn click(&self, x: f64, y: f64) {
        let moves = json!([
            {"type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round()},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]);
        let pointer = json!({"type": "pointer", "id": "mouse", "actions": moves});
        self.command("actions", &json!({"actions": [pointer]}));
    }

    /// What the page told the console.
    pub fn console(&self) -> Vec<Value> {
        self.command("se/log", &json!({"type": "browser"})).as_array().cloned().unwrap_or_default()
    }

    /// Has the page believe that its user prefers dark or light.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"media": "", "features": features}));
    }

    /// The page as it would be printed: the length of the PDF in base64.
    pub fn print(&self) -> usize {
        self.command("print", &json!({})).as_str().map_or(0, str::len)
    }

    /// The page as it is seen: a PNG in base64.
    pub fn screenshot(&self) -> String {
        let answer =
            self.request("GET", &format!("/session/{}/screenshot", self.session), "").expect("the driver answers");
        answer.as_str().expect("a picture").to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser when its session ends.
        let _ = self.request("DELETE", &format!("/session/{}", self.session), "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
