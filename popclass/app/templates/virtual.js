// A list of any length: only the rows in view, and some around them, are elements of the page.

const ROWS_AROUND = 8;

class VirtualList {
  // `row(index)` returns the element of a row; `signature(index)` a text that changes when the row does.
  constructor(box, inner, row, signature) {
    Object.assign(this, { box, inner, row, signature, length: 0, shown: new Map() });
    this.pending = false;
    box.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.later()).observe(box);
  }

  later() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  setLength(length) {
    this.length = length;
    this.draw();
  }

  // Rows are as high as the style sheet says, so that the place of each is known.
  get rowHeight() {
    return parseFloat(getComputedStyle(this.inner).getPropertyValue("--row")) * 16;
  }

  draw() {
    if (!this.box.clientHeight) return; // hidden
    const height = this.rowHeight;
    this.inner.style.height = this.length * height + "px";
    const first = Math.max(Math.floor(this.box.scrollTop / height) - ROWS_AROUND, 0);
    const last = Math.min(Math.ceil((this.box.scrollTop + this.box.clientHeight) / height) + ROWS_AROUND, this.length);
    for (const [index, known] of this.shown) {
      const inside = index >= first && index < last;
      if (inside && known.signature === this.signature(index)) continue;
      if (index < this.length && !inside && known.element.contains(document.activeElement)) continue;
      if (inside) this.replace(index, known);
      else {
        known.element.remove();
        this.shown.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) if (!this.shown.has(index)) this.insert(index, height);
    for (const [index, known] of this.shown) known.element.style.transform = "translateY(" + index * height + "px)";
  }

  replace(index, known) {
    const focused = known.element.contains(document.activeElement) && document.activeElement.dataset.part;
    const element = this.row(index);
    known.element.replaceWith(element);
    this.shown.set(index, { element: element, signature: this.signature(index) });
    if (focused) element.querySelector("[data-part=" + focused + "]").focus({ preventScroll: true });
  }

  // Elements are in the order of the rows, so that the Tab key goes from row to row.
  insert(index) {
    const element = this.row(index);
    const after = [...this.shown.keys()].filter((each) => each > index);
    this.inner.insertBefore(element, after.length ? this.shown.get(Math.min(...after)).element : null);
    this.shown.set(index, { element: element, signature: this.signature(index) });
  }
}
