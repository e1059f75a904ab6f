// Fragmented MP4 as far as a player of live films must read it: which track is the picture's, and when a piece is shown.
// ISO/IEC 14496-12: boxes of 4 bytes size, 4 bytes name and their content.

const TRUN_OFFSET = 0x1, TRUN_FIRST = 0x4, TRUN_DURATION = 0x100, TRUN_SIZE = 0x200, TRUN_FLAGS = 0x400, TRUN_SHIFT = 0x800;

/** The picture's track of an initialisation segment: {id, timescale}, or null. */
export function pictureTrack(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const movie = inside(view, 0, view.byteLength, "moov");
  if (!movie) return null;
  for (const [name, from, to] of boxes(view, ...movie)) {
    if (name !== "trak") continue;
    const head = inside(view, from, to, "tkhd");
    const media = inside(view, from, to, "mdia");
    const kind = media && inside(view, ...media, "hdlr");
    const time = media && inside(view, ...media, "mdhd");
    if (!head || !kind || !time || word(view, kind[0] + 8) !== "vide") continue;
    const id = view.getUint32(head[0] + (view.getUint8(head[0]) ? 20 : 12));
    return { id, timescale: view.getUint32(time[0] + (view.getUint8(time[0]) ? 20 : 12)) };
  }
  return null;
}

/** When the first picture of a moof with its mdat is to be shown, in seconds of the film; null for another track's. */
export function shownAt(data, track) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const fragment = inside(view, 0, view.byteLength, "moof");
  const part = fragment && inside(view, ...fragment, "traf");
  const head = part && inside(view, ...part, "tfhd");
  const time = part && inside(view, ...part, "tfdt");
  const run = part && inside(view, ...part, "trun");
  if (!head || !time || !run || view.getUint32(head[0] + 4) !== track.id) return null;
  const decoded = view.getUint8(time[0]) ? Number(view.getBigUint64(time[0] + 4)) : view.getUint32(time[0] + 4);
  return (decoded + shift(view, run[0])) / track.timescale;
}

/** How much later than decoded the first sample is shown. Ticks. */
function shift(view, run) {
  const flags = view.getUint32(run) & 0xffffff;
  if (!(flags & TRUN_SHIFT)) return 0;
  let at = run + 8;
  for (const flag of [TRUN_OFFSET, TRUN_FIRST, TRUN_DURATION, TRUN_SIZE, TRUN_FLAGS]) if (flags & flag) at += 4;
  return view.getInt32(at);
}

/** [name, begin, end] of the content of each box between two places. */
function* boxes(view, from, to) {
  while (from + 8 <= to) {
    const size = view.getUint32(from);
    if (size < 8 || from + size > to) return;
    yield [word(view, from + 4), from + 8, from + size];
    from += size;
  }
}

function inside(view, from, to, wanted) {
  for (const [name, begin, end] of boxes(view, from, to)) if (name === wanted) return [begin, end];
  return null;
}

function word(view, at) { return String.fromCharCode(...[0, 1, 2, 3].map((n) => view.getUint8(at + n))); }
