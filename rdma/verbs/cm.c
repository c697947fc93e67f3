//go:build rdma

// The connection manager.
#include "table.h"

#include <arpa/inet.h>
#include <netinet/in.h>

int jv_channel(struct rdma_event_channel **out)
{
	*out = jv_lib.rdma_create_event_channel();
	return *out ? jv_unblock((*out)->fd) : failed(-1);
}

void jv_channel_free(struct rdma_event_channel *ch)
{
	jv_lib.rdma_destroy_event_channel(ch);
}

int jv_event(struct rdma_event_channel *ch, struct jv_event *out)
{
	struct rdma_cm_event *e;
	if (jv_lib.rdma_get_cm_event(ch, &e))
		return failed(-1);
	*out = (struct jv_event){.id = e->id, .listener = e->listen_id, .type = (int)e->event, .status = e->status};
	out->length = e->param.conn.private_data_len;
	out->rd_atomic = e->param.conn.responder_resources < e->param.conn.initiator_depth ? e->param.conn.responder_resources
											   : e->param.conn.initiator_depth;
	if (out->length)
		memcpy(out->data, e->param.conn.private_data, (size_t)out->length);
	return failed(jv_lib.rdma_ack_cm_event(e));
}

const char *jv_event_name(int type)
{
	return jv_lib.rdma_event_str((enum rdma_cm_event_type)type);
}

int jv_id(struct rdma_event_channel *ch, struct rdma_cm_id **out)
{
	return failed(jv_lib.rdma_create_id(ch, out, NULL, RDMA_PS_TCP));
}

int jv_id_free(struct rdma_cm_id *id)
{
	return failed(jv_lib.rdma_destroy_id(id));
}

static struct sockaddr *address(const struct jv_address *a, struct sockaddr_storage *s)
{
	memset(s, 0, sizeof *s);
	if (a->v6) {
		struct sockaddr_in6 *to = (struct sockaddr_in6 *)s;
		to->sin6_family = AF_INET6;
		to->sin6_port = htons(a->port);
		to->sin6_scope_id = a->scope;
		memcpy(&to->sin6_addr, a->ip, 16);
	} else {
		struct sockaddr_in *to = (struct sockaddr_in *)s;
		to->sin_family = AF_INET;
		to->sin_port = htons(a->port);
		memcpy(&to->sin_addr, a->ip, 4);
	}
	return (struct sockaddr *)s;
}

int jv_bind(struct rdma_cm_id *id, const struct jv_address *a)
{
	struct sockaddr_storage s;
	return failed(jv_lib.rdma_bind_addr(id, address(a, &s)));
}

int jv_listen(struct rdma_cm_id *id, int backlog)
{
	return failed(jv_lib.rdma_listen(id, backlog));
}

int jv_resolve(struct rdma_cm_id *id, const struct jv_address *from, const struct jv_address *to, int ms)
{
	struct sockaddr_storage f, t;
	return failed(jv_lib.rdma_resolve_addr(id, address(from, &f), address(to, &t), ms));
}

int jv_route(struct rdma_cm_id *id, int ms)
{
	return failed(jv_lib.rdma_resolve_route(id, ms));
}

int jv_timeout(struct rdma_cm_id *id, int exponent)
{
	uint8_t value = (uint8_t)exponent;
	return failed(jv_lib.rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &value, sizeof value));
}

static struct rdma_conn_param parameters(const void *data, int length, int rd_atomic)
{
	return (struct rdma_conn_param){
		.private_data = data, .private_data_len = (uint8_t)length,
		.responder_resources = (uint8_t)rd_atomic, .initiator_depth = (uint8_t)rd_atomic,
		.retry_count = JV_RETRIES, .rnr_retry_count = 7,
	};
}

int jv_connect(struct rdma_cm_id *id, const void *data, int length, int rd_atomic)
{
	struct rdma_conn_param p = parameters(data, length, rd_atomic);
	return failed(jv_lib.rdma_connect(id, &p));
}

int jv_accept(struct rdma_cm_id *id, const void *data, int length, int rd_atomic)
{
	struct rdma_conn_param p = parameters(data, length, rd_atomic);
	return failed(jv_lib.rdma_accept(id, &p));
}

int jv_reject(struct rdma_cm_id *id, const void *data, int length)
{
	return failed(jv_lib.rdma_reject(id, data, (uint8_t)length));
}

int jv_disconnect(struct rdma_cm_id *id)
{
	return failed(jv_lib.rdma_disconnect(id));
}

int jv_migrate(struct rdma_cm_id *id, struct rdma_event_channel *ch)
{
	return failed(jv_lib.rdma_migrate_id(id, ch));
}
