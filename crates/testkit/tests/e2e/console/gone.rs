//! A row leaves the inbox while somebody looks, with the reason; the page of the change says it, too.

use anyhow::{Result, ensure};

use super::Site;
use crate::gone::{delete_by_hand, lab};

#[test]
fn a_row_whose_target_is_gone_says_so_and_its_page_does() -> Result<()> {
    let Some(browser) = Site::browser()? else { return Ok(()) };
    let lab = lab()?;
    let keys = [lab.people.ben.clone(), lab.people.carla.clone()];
    let mut site = Site::over(lab, browser, keys.each_ref())?;
    site.sign_in("ben")?;
    let id = site.lab.hold("doomed")?;
    let row = format!(
        r##"await page.goto("{{url}}/inbox"); await page.locator("[id='{id}']").waitFor();
        await page.waitForFunction(() => document.getElementById("live").textContent === "Live");"##
    );
    site.run("ben", &row)?;
    delete_by_hand(&site.lab, "doomed")?;
    let left = format!(
        r##"const row = page.locator("[id='{id}'].gone");
        await row.waitFor();
        return await row.textContent();"##
    );
    let left = site.run("ben", &left)?.to_string();
    ensure!(left.contains("withdrawn its target is gone: doomed") && !left.contains("approved"), "{left}");
    let page =
        format!(r##"await page.goto("{{url}}/changes/{id}"); return await page.textContent("main");"##);
    let page = site.run("ben", &page)?.to_string();
    ensure!(page.contains("for nothing is left to do: its target is gone: doomed"), "{page}");
    ensure!(page.contains("withdrawn: its target is gone") && !page.contains("Your decision"), "{page}");
    site.lab.verify()?.expect(0).map(drop)
}
