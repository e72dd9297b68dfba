"""Write docs/report.png: the report of samples/example.flac in headless Chromium.

Run it as `python docs/generate/picture.py`; chromium and chromedriver are needed.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from contextlib import chdir
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

import popclass
from popclass.model.model import Model
from popclass.report import write_report

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 1100, 1330
COLORS = 256  # of the picture: a third of the size


def main() -> None:
    """Write the picture."""
    driver = shutil.which("chromedriver")
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "example.html"
            with chdir(ROOT):  # the page shows the path as given
                result = popclass.classify("samples/example.flac", site="mcp")
                write_report([result], page, model=Model.default())
            screen = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
            browser.get(page.as_uri())
            browser.find_element(By.ID, "next-joint").click()
            browser.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
            shot = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    finally:
        browser.quit()
    # median cut, the default, would grey the colours of labels, which are few pixels
    shot.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=2).save(ROOT / "docs" / "report.png", optimize=True)


if __name__ == "__main__":
    main()
