// What can be a channel's id: it is a segment of the path that a call is made to.

/** Whether an id can be put into a path, and means itself there. */
export function isChannelId(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && text.isWellFormed()
}

export const channelIdRule = "must be a channel's id"
