"""The IVR apps that ship with Outdial, one file each."""
