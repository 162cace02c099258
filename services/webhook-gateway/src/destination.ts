// The three topics that webhooks go to, by what they are for.

export const destinationNames = ['replies', 'receipts', 'events'] as const
export type Destination = (typeof destinationNames)[number]
