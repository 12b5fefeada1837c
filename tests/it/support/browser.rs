//! A browser without a window, driven through its driver (`chromedriver`, the `WebDriver` protocol over plain HTTP).
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

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
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut driver) = command.spawn() else {
            super::surroundings::skip("this machine has no chromedriver");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines.find_map(|line| {
            let line = line.expect("the driver speaks");
            line.trim_end_matches('.')
                .rsplit(' ')
                .next()?
                .parse()
                .ok()
                .filter(|_| line.contains("started successfully"))
        });
        let profile = tempfile::tempdir().expect("a folder");
        let mut browser = Self { driver, port: port.expect("the driver's port"), session: String::new(), profile };
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

    fn request(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver listens");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket has a time-out");
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("the driver reads");
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a header");
            if let Some((name, value)) = line.trim().split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().expect("a length");
                }
            } else if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the answer");
        serde_json::from_slice::<Value>(&body).expect("JSON")["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", path, &body.to_string())
    }

    #[track_caller]
    fn command(&self, name: &str, body: &Value) -> Value {
        let answer = self.post(&format!("/session/{}/{name}", self.session), body);
        assert!(answer.get("error").is_none(), "{name}: {answer:#}");
        answer
    }

    /// Opens a file, and waits until its script has run.
    pub fn open(&self, file: &Path) {
        self.command("url", &json!({"url": format!("file://{}", file.display())}));
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
        let call = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        self.command("goog/cdp/execute", &call);
    }

    /// The page as it would be printed: the length of the PDF in base64.
    pub fn print(&self) -> usize {
        self.command("print", &json!({})).as_str().map_or(0, str::len)
    }

    /// The page as it is seen: a PNG in base64.
    pub fn screenshot(&self) -> String {
        let answer = self.request("GET", &format!("/session/{}/screenshot", self.session), "");
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
