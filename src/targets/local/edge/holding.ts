/** Where the holder and every edge find the bound listening sockets. */
export const PUBLIC_FD = 3;
export const PREVIEW_FD = 4;
