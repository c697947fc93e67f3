/* region_call_on_stack(sp, fn, arg): see fault.h. The frame pointer leads unwinders back to the first stack. */
	.text
	.globl	region_call_on_stack
	.hidden	region_call_on_stack
	.type	region_call_on_stack, %function
region_call_on_stack:
	.cfi_startproc
	stp	x29, x30, [sp, #-16]!
	.cfi_def_cfa_offset 16
	.cfi_offset x29, -16
	.cfi_offset x30, -8
	mov	x29, sp
	.cfi_def_cfa_register x29
	mov	sp, x0
	mov	x0, x2
	blr	x1
	mov	sp, x29
	ldp	x29, x30, [sp], #16
	.cfi_def_cfa sp, 0
	ret
	.cfi_endproc
	.size	region_call_on_stack, .-region_call_on_stack
	.section .note.GNU-stack, "", %progbits
