// Names of channels, and prefixes that mean many of them.

/** Whether who reads `wanted`, which may end in `*`, reads this channel. */
export function reads(wanted: string, channel: string): boolean {
  return wanted.endsWith("*") ? channel.startsWith(wanted.slice(0, -1)) : channel === wanted;
}
