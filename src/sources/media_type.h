/*
 * Media types of image documents and layers: what each one is. One table, so that nothing
 * else compares these names.
 */
#ifndef O2R_SOURCES_MEDIA_TYPE_H
#define O2R_SOURCES_MEDIA_TYPE_H

enum media_kind {
	MEDIA_UNKNOWN,
	MEDIA_INDEX,    /* OCI index, Docker manifest list */
	MEDIA_MANIFEST, /* OCI manifest, Docker schema 2 */
	MEDIA_SCHEMA1,  /* Docker schema 1, which is not supported */
	MEDIA_CONFIG,   /* of an image */
	MEDIA_LAYER,    /* a tar of files */
};

/* NULL is MEDIA_UNKNOWN. Names are compared without regard to case, parameters ignored.
 */
enum media_kind media_kind_of(const char *media_type);

/*
 * The enum codec that a layer's media type names. -1 where it says nothing: Docker's
 * plain tar, which its engines store compressed too and tell by the bytes.
 */
int media_layer_codec(const char *media_type);

#endif
