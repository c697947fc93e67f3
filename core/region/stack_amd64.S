/* region_call_on_stack(sp, fn, arg): see fault.h. The frame pointer leads unwinders back to the first stack. */
	.text
	.globl	region_call_on_stack
	.hidden	region_call_on_stack
	.type	region_call_on_stack, @function
region_call_on_stack:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	movq	%rdi, %rsp
	movq	%rdx, %rdi
	call	*%rsi
	movq	%rbp, %rsp
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	region_call_on_stack, .-region_call_on_stack
	.section .note.GNU-stack, "", @progbits
