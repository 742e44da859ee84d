#include "distribution/room.h"

#include "distribution/file_driver.h"
#include "distribution/http_driver.h"
#include "distribution/throttle.h"
#include "distribution/url.h"

#include "base/memory.h"

#include <stdlib.h>

static enum status open_driver(
        struct room *room, const struct catalogue_point *point, struct driver **ret, struct error *err)
{
	enum status status =
	        url_is_file(point->url)
	                ? file_driver_open(point, room->pool, room->options.stall_timeout_ms, ret, err)
	                : http_driver_open(point, room->pump, room->pool, room->agenda, ret, err);

	if (status == STATUS_OK)
		(*ret)->read_only = room->options.read_only;
	return status;
}

static struct site *open_site(struct room *room, const struct catalogue_point *point)
{
	struct driver *driver;
	struct error err;

	if (open_driver(room, point, &driver, &err) != STATUS_OK)
		return NULL; /* the catalogue's own checks let no such URL in */
	struct site *site = memory_alloc(sizeof(*site));
	site->room = room;
	site->catalogue = catalogue_ref(room->catalogue);
	site->point = point;
	site->driver = throttle_open(driver, point->connections, room->agenda);
	site->users = 1;
	return site;
}

struct site *site_use(struct site *site)
{
	site->users++;
	return site;
}

void site_release(struct site *site)
{
	if (--site->users)
		return;
	site->driver->ops->close(site->driver);
	catalogue_unref(site->catalogue);
	free(site);
}

static bool is_as(const struct site *site, const struct catalogue_point *point)
{
	const struct catalogue_point *own = site->point;

	return text_equal(own->name, point->name) && text_equal(own->url, point->url) &&
	       own->connections == point->connections && own->bytes_per_second == point->bytes_per_second &&
	       own->read_back_full == point->read_back_full &&
	       text_equal(own->credentials_file, point->credentials_file) &&
	       text_equal(own->tls_ca_file, point->tls_ca_file);
}

struct site *room_site(struct room *room, const char *name)
{
	struct site *site = map_get(room->sites, view_text(name));
	const struct catalogue_point *point = site ? NULL : catalogue_find(room->catalogue, name);

	if (!point)
		return site;
	site = open_site(room, point);
	if (site)
		map_put(room->sites, view_text(name), site);
	return site;
}

static void drop_if_changed(struct view name, void *value, void *context)
{
	struct room *room = context;
	struct site *site = value;
	const struct catalogue_point *point = catalogue_find(room->catalogue, site->point->name);

	if (point && is_as(site, point))
		return;
	map_remove(room->sites, name);
	site_release(site);
}

void room_reload(struct room *room, struct catalogue *catalogue)
{
	catalogue_unref(room->catalogue);
	room->catalogue = catalogue;
	map_each(room->sites, drop_if_changed, room);
}

static void drop(struct view name, void *value, void *context)
{
	struct room *room = context;

	map_remove(room->sites, name);
	site_release(value);
}

void room_drop_sites(struct room *room)
{
	map_each(room->sites, drop, room);
}
