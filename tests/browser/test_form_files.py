"""Files in the form: how they are added, how they are checked, how pictures are converted, and what the form says."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bed import Sandbox, Widget, until
from form_stage import NETWORK, FormPage, gps, noise, payloads, plain
from PIL import Image
from playwright.sync_api import Route, expect
from samples import MAX_FILE_SIZE, forwarded, jpeg, pdf, png

LOW = 256 * 1024
MOST_PIXELS = 16_000_000
"""What the form makes a picture of more pixels than the server takes into, at most."""
ONLY = "Only JPEG, PNG and PDF files can be attached. Save this as a PDF and add that, or remove it."
SIXTH = "Remove 1 file to continue: the limit is 5."
PNG, JPEG, PDF = ("a.png", png(), "image/png"), ("b.jpg", jpeg(), "image/jpeg"), ("c.pdf", pdf(), "application/pdf")


@pytest.fixture(scope="module")
def _form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    """A widget that takes little more pixels than the form would make a picture into."""
    _sandbox.recover()
    folder = tmp_path_factory.mktemp("files")
    with Widget(
        folder, _sandbox.url, DELIVERY_WAIT="10", KEEP_ALIVE="1", MAX_PIXELS=str(MOST_PIXELS + 100_000)
    ) as widget:
        yield widget


def lower(form: FormPage) -> FormPage:
    """Let the form take small files alone, so that small pictures have to be made smaller."""
    form.page.locator("feedback-form").evaluate("(form, size) => form.setAttribute('max-size', size)", LOW)
    return form


@pytest.fixture
def strict(form: FormPage) -> FormPage:
    """A form that takes small files alone."""
    return lower(form)


def translucent(width: int, height: int) -> bytes:
    """A transparent picture that hardly compresses."""
    target = io.BytesIO()
    Image.merge("RGBA", [Image.effect_noise((width, height), 90) for _ in range(4)]).save(target, "PNG")
    return target.getvalue()


def choose_large(form: FormPage, folder: Path, name: str, content: bytes) -> None:
    """Choose a file of the disk. Playwright would carry its bytes through three processes; the browser reads it."""
    file = folder / name
    file.write_bytes(content)
    form["files"].set_input_files(file)


def received(insider: Sandbox) -> list[tuple[str, bytes]]:
    """The files that Insider Connect received."""
    (feedback,) = insider.feedbacks()
    return [(file["name"], insider.file(file["number"])) for file in feedback["attachments"]]


# --- how they come ----------------------------------------------------------------------------------------------


def test_several_choosings_add_up_and_all_of_it_is_sent(form: FormPage, insider: Sandbox) -> None:
    form.fill().add(PNG).add(JPEG, PDF)
    expect(form.rows).to_have_count(3)
    expect(form["feedback-add-words"]).to_have_text("Add another")
    expect(form["files-limit"]).to_have_text("3 of 5")
    form.send()
    expect(form.thanks).to_contain_text("all 3 files")
    assert [name for name, _ in received(insider)] == ["a.png", "b.jpg", "c.pdf"]


def test_a_file_alone_is_something_said(form: FormPage) -> None:
    form.email.fill("mara@northwind.example")
    form.add(PDF).send()
    expect(form.thanks).to_be_visible()


def test_files_can_be_dropped_anywhere_on_the_form(form: FormPage) -> None:
    assert form.carry("dragover", "h1", PNG)
    expect(form["feedback-veil"]).to_be_visible()
    expect(form["feedback-veil"]).to_contain_text("Drop to add")
    assert form.carry("drop", "h1", PNG, PDF)
    expect(form["feedback-veil"]).to_be_hidden()
    expect(form.rows).to_have_count(2)


def test_a_drop_beside_the_form_never_leaves_the_page(form: FormPage) -> None:
    assert form.carry("dragover", "html", PNG)
    expect(form["feedback-veil"]).to_be_hidden()
    assert form.carry("drop", "html", PNG)
    expect(form.rows).to_have_count(0)


def test_the_veil_goes_when_files_are_dragged_away(form: FormPage) -> None:
    form.carry("dragover", "h1", PNG)
    form.carry("dragleave", "h1", PNG)
    expect(form["feedback-veil"]).to_be_hidden()


def test_a_picture_can_be_pasted_and_text_is_pasted_as_ever(form: FormPage) -> None:
    for n, place in enumerate(("body", "#description"), 1):  # before anything has the focus, too
        assert form.carry("paste", place, ("image.png", png(), "image/png"))
        expect(form.rows).to_have_count(n)
    form.context.grant_permissions(["clipboard-read", "clipboard-write"])
    form.page.evaluate("navigator.clipboard.writeText('only words')")
    form.text.focus()
    form.page.keyboard.press("Control+v")
    expect(form.text).to_have_value("only words")
    expect(form.rows).to_have_count(2)


PASTED = [
    ("a.png", 1),
    ("a.png\rc.pdf", 2),
    ("/home/mara/a.png\n/home/mara/c.pdf", 2),  # as on Linux
    ("e\u0301.png", 1),  # as macOS writes an accent
    ("a.png\rand words", 0),
]
"""A text that is pasted together with files, and how many files are taken."""
PASTE = """([files, text]) => {
  const transfer = new DataTransfer()
  for (const [name, bytes, type] of files) transfer.items.add(new File([new Uint8Array(bytes)], name, {type}))
  transfer.setData('text/plain', text)
  const paste = new ClipboardEvent('paste', {bubbles: true, cancelable: true, clipboardData: transfer})
  document.querySelector('#description').dispatchEvent(paste)
}"""
REMOVE = "buttons => buttons.forEach(button => button.click())"


def test_text_that_is_but_the_names_of_pasted_files_does_not_stand_for_them(
    form: FormPage, subtests: pytest.Subtests
) -> None:
    for text, rows in PASTED:
        with subtests.test(text=text):
            files = [PNG, PDF] if "c.pdf" in text else [("é.png", *PNG[1:])] if "\u0301" in text else [PNG]
            form.page.evaluate(PASTE, [[[name, list(content), kind] for name, content, kind in files], text])
            form["files"].set_input_files(payloads([PDF]))
            expect(form.rows).to_have_count(rows + 1)
        form.rows.locator(".feedback-remove").evaluate_all(REMOVE)
        expect(form.rows).to_have_count(0)


def test_a_folder_that_is_dropped_is_said_to_be_one(form: FormPage) -> None:
    form.page.evaluate(
        "() => { DataTransferItem.prototype.webkitGetAsEntry = () => ({isDirectory: true, name: 'pictures'}) }"
    )
    form.carry("drop", "h1", ("pictures", b"", ""))
    form.settle()
    expect(form.rows).to_contain_text("A folder cannot be attached; add its files.")


def test_a_phone_offers_its_camera(form: FormPage) -> None:
    expect(form["files"]).to_have_attribute("accept", "image/*,application/pdf")


# --- rows -------------------------------------------------------------------------------------------------------


def test_a_row_has_picture_name_size_and_remove_and_all_that_are_added_are_said(form: FormPage) -> None:
    form.add(("checkout.png", png(size=421_888), "image/png"), PDF)
    first, second = form.rows.all()
    expect(first.locator("img")).to_be_visible()
    expect(first).to_contain_text(re.compile("check.*out.png.*412 kB", re.DOTALL))
    expect(second.locator("img")).to_be_hidden()
    expect(first.get_by_role("button", name="Remove checkout.png")).to_be_visible()
    expect(form.status).to_have_text("Added checkout.png. · Added c.pdf.")


def test_a_long_name_is_cut_in_its_middle_and_whole_in_its_title(form: FormPage) -> None:
    name = "the-page-with-all-the-orders-of-the-last-week-as-it-looked-on-my-telephone.png"
    form.add((name, png(), "image/png"))
    words = form.rows.locator(".feedback-file-name")
    expect(words).to_have_attribute("title", name)
    start, end = words.locator("span").all()
    assert end.inner_text() == "hone.png"
    assert start.evaluate("span => span.scrollWidth > span.clientWidth")
    assert end.evaluate("span => span.scrollWidth <= span.clientWidth + 1 || span.clientWidth === 0")


def test_removing_moves_the_focus_to_the_next_row_and_then_to_the_input(form: FormPage) -> None:
    form.add(PNG, JPEG, PDF)
    form.page.get_by_role("button", name="Remove b.jpg").click()
    expect(form.page.get_by_role("button", name="Remove c.pdf")).to_be_focused()
    expect(form.status).to_have_text(re.compile(r"Removed b\.jpg\.$"))
    form.page.keyboard.press("Enter")
    expect(form.page.get_by_role("button", name="Remove a.png")).to_be_focused()
    form.page.keyboard.press("Enter")
    expect(form["files"]).to_be_focused()
    expect(form["feedback-files"]).to_be_hidden()
    expect(form["feedback-add-words"]).to_have_text("Add a picture or PDF")


def test_five_files_are_all_and_a_sixth_is_kept_and_complained_of(form: FormPage) -> None:
    expect(form["feedback-capture"]).to_be_visible()
    form.fill().add(*[PDF] * 5)
    expect(form["feedback-capture"]).to_be_hidden()
    expect(form["feedback-add-words"]).to_have_text("The limit is 5 files")
    expect(form["files"]).to_be_disabled()
    form.listen()
    form.carry("drop", "h1", PNG)
    form.settle()
    expect(form.rows).to_have_count(6)
    expect(form["files-error"]).to_have_text(SIXTH)
    until(lambda: form.heard.count(SIXTH) == 1)
    form.send()
    expect(form.page.get_by_role("button", name="Remove a.png")).to_be_focused()
    form.page.keyboard.press("Enter")
    expect(form["files-error"]).to_be_hidden()
    form.send()
    expect(form.thanks).to_contain_text("all 5 files")


# --- what is checked --------------------------------------------------------------------------------------------


WRONG = [
    (("notes.docx", b"PK\3\4", ""), ONLY),
    (("page.pdf", b"<html>", "application/pdf"), ONLY),
    (("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"), ONLY),
    (
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        "This browser cannot open HEIC pictures. Save it as a JPEG and add that.",
    ),
    (
        ("cut.jpg", jpeg()[:40], "image/jpeg"),
        "This file could not be opened. Choose it again, or choose another one.",
    ),
    (("empty.png", b"", "image/png"), "This file is empty. Please choose it again."),
    (
        ("broken.jpg", b"\xff\xd8\xff" + b"x" * MAX_FILE_SIZE, "image/jpeg"),
        "This file could not be opened. Choose it again, or choose another one.",
    ),
    (
        ("manual.pdf", pdf(size=MAX_FILE_SIZE + 1), "application/pdf"),
        "Over 4 MB. Save a smaller version, or only the pages that matter.",
    ),
]
"""Files that cannot go along, and what is said of each."""


def test_what_cannot_go_along_keeps_its_row_and_says_why(
    form: FormPage, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    form.fill()
    for (name, content, kind), message in WRONG:
        with subtests.test(file=name):
            if len(content) < MAX_FILE_SIZE:
                form.add((name, content, kind))
            else:
                choose_large(form, tmp_path, name, content)
            expect(form.rows).to_have_attribute("data-state", "wrong")
            expect(form.rows.locator(".feedback-file-note")).to_have_text(message)
            remove = form.rows.get_by_role("button")
            note = remove.get_attribute("aria-describedby")
            assert form.page.locator(f"#{note}").inner_text() == message
            form.send()
            expect(remove).to_be_focused()
            remove.click()
    form.send()
    expect(form.thanks).to_be_visible()


def test_a_file_that_can_no_longer_be_read_is_said_to_be_so(form: FormPage) -> None:
    form.page.evaluate(
        "() => { Blob.prototype.slice = () => ({arrayBuffer: () => Promise.reject(new DOMException('gone'))}) }"
    )
    form.add(PNG)
    expect(form.rows).to_contain_text("This file could not be opened. Choose it again, or choose another one.")


def test_a_picture_of_exactly_4_mib_goes_as_it_is(form: FormPage, insider: Sandbox, tmp_path: Path) -> None:
    content = png(size=MAX_FILE_SIZE)
    choose_large(form.fill(), tmp_path, "whole.png", content)
    expect(form.rows).to_have_attribute("data-state", "ready")
    form.send()
    expect(form.thanks).to_be_visible(timeout=20_000)
    assert received(insider) == [("whole.png", content)]


def test_a_pdf_of_exactly_4_mib_goes_as_its_checked_copy(form: FormPage, insider: Sandbox, tmp_path: Path) -> None:
    content = pdf(size=MAX_FILE_SIZE)
    choose_large(form.fill(), tmp_path, "whole.pdf", content)
    expect(form.rows).to_have_attribute("data-state", "ready")
    form.send()
    expect(form.thanks).to_be_visible(timeout=20_000)
    assert received(insider) == [("whole.pdf", forwarded(content, "application/pdf"))]


def test_what_the_server_says_of_a_file_stands_in_its_row(form: FormPage) -> None:
    form.answer(415, "file_type", "files", "This is not what it seems to be.", position=1)
    form.fill().add(("wrong.docx", b"PK", ""), PNG, JPEG)
    form.page.get_by_role("button", name="Remove wrong.docx").click()
    form.send()
    expect(form.rows.nth(1)).to_have_attribute("data-state", "wrong")
    expect(form.rows.nth(1)).to_contain_text("This is not what it seems to be.")
    expect(form.page.get_by_role("button", name="Remove b.jpg")).to_be_focused()


def test_a_picture_of_more_pixels_than_the_server_takes_is_made_smaller(form: FormPage, insider: Sandbox) -> None:
    form.fill().add(("capture.png", plain(700, 24_000, "PNG"), "image/png"))
    expect(form.rows).to_contain_text("made smaller to fit")
    width, height = form.rows.locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert min(width, height) == 96
    form.send()
    expect(form.thanks).to_be_visible()
    ((_, content),) = received(insider)
    sent = Image.open(io.BytesIO(content))
    assert sent.width * sent.height <= MOST_PIXELS + 100_000


def test_an_animation_is_said_to_lose_all_but_its_first_frame(form: FormPage) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], duration=100)
    form.add(("moving.gif", target.getvalue(), "image/gif"), ("still.gif", plain(40, 30, "GIF"), "image/gif"))
    expect(form.rows.first).to_contain_text("Saved as PNG · Only the first frame of the animation is kept")
    expect(form.rows.last).not_to_contain_text("first frame")


def test_a_protected_pdf_is_marked_before_it_is_sent(form: FormPage) -> None:
    form.add(("locked.pdf", pdf() + b"\ntrailer <</Encrypt 5 0 R>>", "application/pdf"), PDF)
    expect(form.rows.first).to_contain_text("Protected: it may be refused if it needs a password")
    expect(form.rows.last).not_to_contain_text("Protected")


def test_the_name_of_a_file_is_one_text_for_screen_readers(form: FormPage) -> None:
    form.add(("a-name-that-is-cut-in-its-middle.pdf", pdf(), "application/pdf"))
    assert "a-name-that-is-cut-in-its-middle.pdf" in form["feedback-files"].aria_snapshot()


# --- what pictures are made into --------------------------------------------------------------------------------


def test_a_picture_over_4_mib_is_made_smaller_until_it_fits(form: FormPage, insider: Sandbox, tmp_path: Path) -> None:
    photo = noise(1700, 1700, quality=100)
    assert len(photo) > MAX_FILE_SIZE
    choose_large(form.fill(), tmp_path, "photo.jpg", photo)
    expect(form.rows.locator(".feedback-file-note")).to_have_text("Made smaller to fit")
    form.send()
    expect(form.thanks).to_be_visible(timeout=20_000)
    ((name, content),) = received(insider)
    assert name == "photo.jpg"
    assert MAX_FILE_SIZE / 4 < len(content) <= MAX_FILE_SIZE
    assert Image.open(io.BytesIO(content)).format == "JPEG"


def test_location_data_is_said_to_be_removed_only_where_there_was_any(strict: FormPage) -> None:
    somewhere, nowhere = noise(600, 600, quality=95, exif=gps()), noise(600, 600, quality=95)
    strict.add(("somewhere.jpg", somewhere, "image/jpeg"), ("nowhere.jpg", nowhere, "image/jpeg"))
    expect(strict.rows.locator(".feedback-file-note")).to_have_text(
        ["Made smaller to fit · location data removed", "Made smaller to fit"]
    )


def test_a_photo_that_fits_goes_as_it_is_but_for_its_place(form: FormPage, insider: Sandbox) -> None:
    form.fill().add(("photo.jpg", plain(100, 100, "JPEG", exif=gps()), "image/jpeg"))
    expect(form.rows.locator(".feedback-file-note")).to_have_text("Location data removed")
    form.send()
    expect(form.thanks).to_be_visible()
    assert received(insider) == [("photo.jpg", plain(100, 100, "JPEG"))]


def test_a_photo_that_fits_and_tells_no_place_goes_without_a_word(form: FormPage) -> None:
    form.add(("photo.jpg", plain(100, 100, "JPEG"), "image/jpeg"))
    expect(form.rows.locator(".feedback-file-note")).to_be_hidden()


def test_a_file_with_another_kind_s_name_gets_one_that_fits(form: FormPage, insider: Sandbox) -> None:
    form.fill().add(("shot.jpg", png(), "image/jpeg"), ("order.png", pdf(), "image/png"), ("photo.JFIF", jpeg(), ""))
    expect(form.rows.nth(1)).to_contain_text("order.pdf")
    form.send()
    expect(form.thanks).to_be_visible()
    assert [name for name, _ in received(insider)] == ["shot.png", "order.pdf", "photo.JFIF"]


def test_a_photo_keeps_its_orientation(strict: FormPage, insider: Sandbox) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    strict.fill().add(("photo.jpg", noise(700, 500, quality=96, exif=exif.tobytes()), "image/jpeg"))
    expect(strict.rows).to_contain_text("Made smaller to fit")
    strict.send()
    expect(strict.thanks).to_be_visible(timeout=20_000)
    width, height = Image.open(io.BytesIO(received(insider)[0][1])).size
    assert width < height


Other = tuple[str, Callable[[], bytes], str, str]
OTHERS: list[Other] = [
    ("a.webp", lambda: noise(300, 300, "WEBP"), "Saved as JPEG", "JPEG"),
    ("b.webp", lambda: plain(300, 300, "WEBP", mode="RGBA", colour=(9, 9, 9, 90)), "Saved as PNG", "PNG"),
    ("c.webp", lambda: noise(300, 300, "WEBP", lossless=True), "Saved as PNG", "PNG"),
    ("d.webp", lambda: noise(300, 300, "WEBP", exif=gps()), "Saved as JPEG · location data removed", "JPEG"),
    ("e.gif", lambda: plain(60, 40, "GIF"), "Saved as PNG", "PNG"),
    ("f.bmp", lambda: plain(60, 40, "BMP"), "Saved as PNG", "PNG"),
    ("g.bmp", lambda: plain(1500, 1500, "BMP", mode="P", colour=3), "Saved as JPEG · made smaller to fit", "JPEG"),
    ("h.png", lambda: noise(600, 600, "PNG"), "Saved as JPEG · made smaller to fit", "JPEG"),
    ("i.png", lambda: translucent(400, 400), "Made smaller to fit", "PNG"),
]
"""Name and content of a picture, what the form says of it, and what it becomes."""


@pytest.mark.unopened
@pytest.mark.parametrize("pictures", [OTHERS[:5], OTHERS[5:]], ids=["some", "others"])  # a form takes five
def test_other_pictures_become_jpeg_or_png(
    form: FormPage, insider: Sandbox, subtests: pytest.Subtests, pictures: list[Other]
) -> None:
    lower(form.open()).fill().add(*[(name, content(), "") for name, content, _, _ in pictures])
    for row, (name, _, note, _) in zip(form.rows.all(), pictures, strict=True):
        with subtests.test(name=name, note=note):
            expect(row.locator(".feedback-file-note")).to_have_text(note)
    form.send()
    expect(form.thanks).to_be_visible(timeout=20_000)
    for (name, content), (given, _, _, kind) in zip(received(insider), pictures, strict=True):
        with subtests.test(name=given, becomes=kind):
            assert name == f"{Path(given).stem}.{'jpg' if kind == 'JPEG' else 'png'}"
            assert Image.open(io.BytesIO(content)).format == kind
            assert len(content) <= LOW


def test_pictures_are_converted_beside_the_main_thread(form: FormPage) -> None:
    with form.page.expect_worker() as found:
        form["files"].set_input_files({"name": "a.gif", "mimeType": "image/gif", "buffer": plain(9, 9, "GIF")})
    assert found.value.url.endswith("/form/picture-worker.js")
    form.settle()
    expect(form.rows).to_contain_text("Saved as PNG")


@pytest.mark.unopened
def test_pictures_are_converted_where_there_are_no_workers(form: FormPage) -> None:
    form.page.add_init_script("delete window.Worker")
    form.open().add(("a.gif", plain(9, 9, "GIF"), "image/gif"))
    expect(form.rows).to_contain_text("Saved as PNG")


@pytest.mark.unopened
def test_a_browser_that_hands_out_noise_instead_of_pixels_neither_converts_nor_edits(
    form: FormPage, insider: Sandbox
) -> None:
    form.page.add_init_script("""delete window.Worker
      const {getImageData} = OffscreenCanvasRenderingContext2D.prototype
      OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...place) {
        const image = getImageData.apply(this, place)
        crypto.getRandomValues(image.data)
        return image
      }""")
    asked: list[str] = []
    form.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    lower(form.open()).fill()
    form.add(("d.webp", plain(9, 9, "WEBP"), "image/webp"), ("e.jpg", noise(700, 700), "image/jpeg"), PNG)
    webp, jpeg, picture = form.rows.all()
    expect(webp).to_contain_text("Only JPEG, PNG and PDF files can be attached.")
    expect(jpeg).to_contain_text("Over 4 MB. Make it smaller and add it again.")
    expect(picture.locator("img")).to_be_visible()
    form.page.get_by_role("button", name="Remove d.webp").click()
    form.page.get_by_role("button", name="Remove e.jpg").click()
    form.send()
    expect(form.thanks).to_be_visible()
    assert received(insider) == [PNG[:2]]
    assert "offer.js" in asked
    assert "extras.css" not in asked, "there is no link to the editor"


def test_pictures_are_converted_where_the_workers_script_does_not_come(form: FormPage) -> None:
    form.page.route("**/picture-worker.js", lambda route: route.abort())
    form.expected.append(NETWORK)
    form.add(("a.gif", plain(9, 9, "GIF"), "image/gif"))
    expect(form.rows).to_contain_text("Saved as PNG")


def test_pictures_that_are_added_without_a_network_go_along(form: FormPage, insider: Sandbox) -> None:
    form.awake().fill()
    form.expected.append(NETWORK)
    form.context.route("**/form/*.js", lambda route: route.continue_())  # not from a cache
    form.context.set_offline(True)
    form["files"].set_input_files(payloads([("d.webp", plain(9, 9, "WEBP"), "image/webp"), PNG, PDF]))
    expect(form.page.locator('.feedback-file[data-state="ready"]')).to_have_count(2)
    expect(form.rows.first).to_contain_text("Preparing…")
    form.send()
    expect(form.note).to_contain_text("You are offline")
    form.cancel.click()
    form.context.set_offline(False)
    form.settle()
    expect(form.rows.first).to_contain_text("Saved as")
    expect(form.page.get_by_role("button", name="Mark up or black out")).to_have_count(2)
    form.send()
    expect(form.thanks).to_be_visible()
    assert [name for name, _ in received(insider)] == ["d.jpg", "a.png", "c.pdf"]


def test_a_file_that_is_dropped_without_a_network_before_anything_else_is_added_later(form: FormPage) -> None:
    form.expected.append(NETWORK)
    form.context.route("**/form/*.js", lambda route: route.continue_())  # not from a cache
    form.context.set_offline(True)
    with form.page.expect_event("requestfailed"):
        form.carry("drop", "#feedback", PNG)
    form.context.set_offline(False)
    expect(form.rows).to_have_count(1)


def test_a_file_is_added_although_a_script_does_not_come_at_first(form: FormPage) -> None:
    form.expected.append(NETWORK)
    missed: list[str] = []

    def miss_three(route: Route) -> None:
        missed.append(route.request.url)
        return route.abort() if len(missed) < 4 else route.continue_()

    form.context.route("**/form/rest.js*", miss_three)
    form.carry("drop", "#feedback", PNG)
    expect(form.rows).to_have_count(1)


def test_a_picture_is_not_called_unreadable_because_a_script_did_not_come(form: FormPage) -> None:
    form.awake().expected.append(NETWORK)
    missed: list[str] = []

    def miss_once(route: Route) -> None:
        address = route.request.url.partition("?")[0]
        if address in missed:
            return route.continue_()
        missed.append(address)
        return route.abort()

    form.context.route(re.compile(r"/(pictures|offer)\.js"), miss_once)
    form.add(("d.webp", plain(9, 9, "WEBP"), "image/webp"))
    expect(form.rows).to_contain_text("Saved as")
    expect(form.page.get_by_role("button", name="Mark up or black out")).to_be_visible()
    assert len(missed) == 2


def test_send_waits_for_a_picture_that_is_being_made_to_fit(strict: FormPage, insider: Sandbox) -> None:
    photo = noise(600, 600, quality=95)
    held: list[Route] = []
    strict.page.route(
        "**/form/pictures.js", lambda route: held.append(route)
    )  # until Send was pressed, however fast the machine is
    strict.fill()["files"].set_input_files({"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo})
    expect(strict.rows).to_contain_text("Preparing…")
    strict.send()
    expect(strict["feedback-progress-title"]).to_have_text("Preparing…")
    strict.until_asked(held)
    held[0].continue_()
    expect(strict.thanks).to_be_visible(timeout=20_000)
    assert len(received(insider)) == 1


def test_a_picture_that_turns_out_to_be_wrong_stops_the_sending(form: FormPage, tmp_path: Path) -> None:
    broken = b"\xff\xd8\xff" + b"x" * MAX_FILE_SIZE
    choose_large(form.fill(), tmp_path, "broken.jpg", broken)
    form.send()
    expect(form.page.get_by_role("button", name="Remove broken.jpg")).to_be_focused()
    expect(form.button).to_be_visible()


@pytest.mark.parametrize("fate", ["changed", "deleted"])
def test_a_file_that_is_changed_on_the_disk_is_sent_as_it_was_chosen(
    form: FormPage, insider: Sandbox, tmp_path: Path, fate: str
) -> None:
    file = tmp_path / "order.pdf"
    file.write_bytes(content := pdf())
    form.fill()["files"].set_input_files(file)
    expect(form.page.locator(".feedback-file[data-state=ready]")).to_have_count(1)
    file.unlink()
    if fate == "changed":
        file.write_bytes(b"something else")
    form.send()
    expect(form.thanks).to_be_visible()
    (feedback,) = insider.feedbacks()
    assert insider.file(feedback["attachments"][0]["number"]) == forwarded(content, "application/pdf")
