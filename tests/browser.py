"""Helpers for tests of pages in a real browser.

Debian's chromium and chromium-driver are used; the tests are skipped if they are missing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="no chromium and chromedriver (apt-get install chromium chromium-driver)",
    ),
]
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,1200"),
    "--autoplay-policy=no-user-gesture-required",
)
PATIENCE_S = 20


@contextmanager
def browser(profile: Path, downloads: Path, *more: str) -> Iterator[Any]:
    """Start a browser that saves downloads into a folder, with further options."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for option in (*OPTIONS, *more, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    try:
        yield driver
    finally:
        driver.quit()


def open_page(driver: Any, path: Path) -> None:
    driver.get(path.as_uri())
    until(driver, "return document.documentElement.dataset.ready")


def until(driver: Any, script: str, patience: float = PATIENCE_S) -> Any:
    """Return the result of a script once it is truthy."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, patience, 0.05).until(lambda page: page.execute_script(script))


def press(driver: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def click(driver: Any, selector: str) -> None:
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", one(driver, selector))
    one(driver, selector).click()


def one(driver: Any, selector: str) -> Any:
    return driver.find_element("css selector", selector)


def downloaded(driver: Any, target: Path) -> None:
    """Wait for a file; the browser renames it when it is complete."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, PATIENCE_S, 0.02).until(lambda _: target.exists() and target.stat().st_size)


def complaints(driver: Any) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser")]


def requests(driver: Any) -> list[str]:
    """Return the addresses that pages asked for, but for the browser's own page of an empty tab."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    asked = [each["request"]["url"] for each in sent if not each["documentURL"].startswith("chrome")]
    return [url for url in asked if not url.startswith(("data:", "blob:", "chrome:"))]
