package supervisor

import (
	"debug/elf"
	"encoding/binary"
	"runtime"
)

// machines are the ELF machine numbers of Go's architectures that Linux runs.
var machines = map[string]elf.Machine{
	"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64,
	"loong64": elf.EM_LOONGARCH, "mips": elf.EM_MIPS, "mipsle": elf.EM_MIPS, "mips64": elf.EM_MIPS,
	"mips64le": elf.EM_MIPS, "ppc64": elf.EM_PPC64, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV,
	"s390x": elf.EM_S390,
}

// isNative says from its first bytes that a file is an ELF binary for this
// machine. Reading no more of it keeps the start of a test fast. FreeBSD marks
// its binaries in the header, Linux does not.
func isNative(path string) bool {
	h := header(path, 20)
	if len(h) < 20 || string(h[:4]) != elf.ELFMAG || elf.OSABI(h[elf.EI_OSABI]) == elf.ELFOSABI_FREEBSD {
		return false
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if elf.Data(h[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	return elf.Machine(order.Uint16(h[18:])) == machines[runtime.GOARCH]
}
