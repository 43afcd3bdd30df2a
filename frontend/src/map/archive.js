// Pieces of the basemap's file, fetched by byte range.
//
// They pass by the browser's cache: Chromium fails some of several simultaneous requests for the same range of a
// cached file ("Failed to fetch"), and equal tiles, such as open sea, are the same range.
export class Archive {
  constructor(address) {
    this.address = address;
  }

  getKey() {
    return this.address;
  }

  async getBytes(offset, length, signal) {
    const headers = { Range: `bytes=${offset}-${offset + length - 1}` };
    const answer = await fetch(this.address, { headers, signal, cache: "no-store" });
    if (answer.status !== 206) throw new Error(`the basemap is not served by range: ${answer.status}`);
    return { data: await answer.arrayBuffer() };
  }
}
