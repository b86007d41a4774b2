/** What uname(2) says of the kernel: rules and texts are those of this series. */
export const KERNEL_RELEASE = '6.12.0-oomroom'
